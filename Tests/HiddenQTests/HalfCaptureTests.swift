import Foundation
import TestSupport
import Testing

/// The usual case: half of the files are missing. What is said then must hold when they turn up.
struct HalfCaptureTests {
  /// Which files of a capture are there.
  enum Part: String, CaseIterable, Sendable {
    case guestsAlone = "the guests' files alone"
    case hostAlone = "the host's files alone"
    case withoutScheduler = "without scheduler traces"
    case blocksAlone = "block traces alone"
    case countersAlone = "vmstat and numastat alone"

    func keeps(_ path: String) -> Bool {
      switch self {
      case .guestsAlone: path.hasPrefix("guest")
      case .hostAlone: path.hasPrefix("host")
      case .withoutScheduler: !path.contains("sched") && !path.contains("perf")
      case .blocksAlone: path.contains("blkparse") || path.contains("blktrace")
      case .countersAlone: path.contains("vmstat") || path.contains("numastat")
      }
    }
  }

  private struct Finding: Decodable {
    let code: String
    let severity: String
    let confidence: String
    let sentence: String

    /// Whether it says that something is so, and that it matters.
    var isClaim: Bool { severity != "info" && confidence != "none" }
  }

  private static let fixture = Repository.fixtures.appending(path: "kvm-noisy-cpu").path

  @Test("half of a capture gives a report that helps, and no claim that the whole contradicts")
  func halves() throws { try Self.checkHalves(of: Self.fixture) }

  static func checkHalves(of capture: String) throws {
    let whole = try Self.findings(capture, status: [0]).findings
    // That something mattered less than a half must assume, the whole may know.
    let known = Dictionary(grouping: whole.filter { $0.confidence != "none" }, by: \.code)
    for part in Part.allCases {
      guard let folder = try Self.copy(capture, part) else { continue }
      let (findings, report) = try Self.findings(folder, status: [0, 3])
      for finding in findings where finding.isClaim {
        let same = known[finding.code] ?? []
        #expect(
          !same.isEmpty,
          "\(part.rawValue): \(finding.code) '\(finding.sentence)', of which the whole says nothing"
        )
        #expect(
          finding.severity != "critical" || same.contains { $0.severity == "critical" },
          "\(part.rawValue): \(finding.code) '\(finding.sentence)' is critical, and less in the whole"
        )
      }
      // What is missing is named, with how to get it.
      #expect(
        findings.contains { $0.confidence == "none" || $0.confidence == "low" }
          || part == .hostAlone,
        "\(part.rawValue): nothing is said to be missing")
      #expect(report.contains("What was read"))
    }
  }

  @Test("a guest alone: below its scheduler all is one hop, and with what it goes is said")
  func guestAlone() throws {
    let folder = try #require(try Self.copy(Self.fixture, .guestsAlone))
    let (findings, report) = try Self.findings(folder, status: [3])
    #expect(report.contains("H3+H4+H5"))
    #expect(!report.contains("H4 host sched "))
    let below = try #require(findings.first { $0.sentence.contains("(H3+H4+H5, D to C") })
    #expect(below.confidence == "low")
    #expect(below.sentence.contains("rank correlation"))
  }

  @Test("a host alone: its hops by the guest whose threads asked")
  func hostAlone() throws {
    let folder = try #require(try Self.copy(Self.fixture, .hostAlone))
    let (_, report) = try Self.findings(folder, status: [3])
    let table = try #require(report.range(of: "The host's part, by who asked"))
    // As many as 'grep -c " C W"' finds with data, in both hops.
    #expect(report[table.upperBound...].contains("1,920"), "\(report)")
  }

  /// Those of a capture's files, in a folder of their own; nil where it has none of them.
  private static func copy(_ capture: String, _ part: Part) throws -> String? {
    var count = 0
    let folder = try Repository.temporaryFolder()
    let root = URL(filePath: capture).resolvingSymlinksInPath()
    let files = FileManager.default.enumerator(
      at: root, includingPropertiesForKeys: [.isRegularFileKey])
    while let file = files?.nextObject() as? URL {
      guard try file.resourceValues(forKeys: [.isRegularFileKey]).isRegularFile == true
      else { continue }
      let path = String(file.resolvingSymlinksInPath().path.dropFirst(root.path.count + 1))
      guard part.keeps(path) else { continue }
      let target = folder.appending(path: path)
      try FileManager.default.createDirectory(
        at: target.deletingLastPathComponent(), withIntermediateDirectories: true)
      try FileManager.default.copyItem(at: file, to: target)
      count += 1
    }
    return count > 0 ? folder.path : nil
  }

  private static func findings(
    _ capture: String, status: Set<Int32>
  ) throws -> (findings: [Finding], report: String) {
    let incident = try Repository.temporaryFolder().path + "/incident.db"
    let ingest = try Program.run("ingest", incident, capture)
    #expect(ingest.status == 0, "\(ingest.errors)")
    let report = try Program.run("report", incident)
    #expect(status.contains(report.status), "\(report.errors)")
    let outcome = try Program.run("findings", incident, "--format", "json")
    return (
      try JSONDecoder().decode([Finding].self, from: Data(outcome.output.utf8)), report.output
    )
  }
}
