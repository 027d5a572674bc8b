import Foundation
import GRDB
import TestSupport
import Testing
import TraceAnalysis
import TraceIngest
import TraceModel
import TraceReport

@testable import TraceStore

/// The episode that was written into a real header: what is found, of whom, and in which rows.
@Suite(.needsShared) struct EsxEpisodeTests {
  private struct Said: Equatable, CustomStringConvertible {
    let code: String
    let guest: String?
    /// Rows of the file, the first of which has the number 1.
    let rows: ClosedRange<Int64>
    var description: String { "\(code) \(guest ?? "-") rows \(rows)" }
  }

  /// Correlated.
  private static func incident(of path: URL) throws -> IncidentFile {
    let file = try IncidentFile(":memory:", mode: .create)
    _ = try file.addSource(Machine(name: "esx1", layer: .host), path: path.path) { sink in
      try IngestRun(source: ByteSource(path: path.path)).read(into: sink)
    }
    try Correlation.run(file)
    return file
  }

  /// The same of a made episode.
  private static func incident(of sibling: EsxSibling) throws -> IncidentFile {
    let folder = try Repository.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let path = folder.appending(path: "esxtop.csv")
    try sibling.text().write(to: path, atomically: false, encoding: .utf8)
    return try incident(of: path)
  }

  /// The ends of the rows, ns since 1970.
  private static func ends(_ file: IncidentFile) throws -> [Int64] {
    try file.rows("SELECT DISTINCT wall_ns FROM esx_host ORDER BY wall_ns").compactMap {
      $0.integer("wall_ns")
    }
  }

  /// The zero of the phases, from which all times count; 1970 where there is no phase.
  private static func zero(_ file: IncidentFile) throws -> Int64 {
    try file.rows("SELECT min(zero_unix_ns) AS zero FROM phase WHERE machine = 'esx1'").first?
      .integer("zero") ?? 0
  }

  private static func said(_ findings: [Finding], _ file: IncidentFile) throws -> [Said] {
    let (ends, zero) = (try ends(file), try zero(file))
    return findings.filter { $0.severity > .info }.compactMap { finding -> Said? in
      // A row is from the end of the one before.
      guard let from = finding.extent.from, let to = finding.extent.to,
        let first = ends.firstIndex(of: from + zero), let last = ends.firstIndex(of: to + zero)
      else {
        Issue.record("\(finding.code.rawValue) has no rows")
        return nil
      }
      return Said(
        code: finding.code.rawValue, guest: finding.guest, rows: Int64(first) + 2...Int64(last) + 1)
    }
  }

  private static func compare(_ said: [Said], _ expected: [Said]) {
    for one in expected { #expect(said.contains(one), "\(one) is missing") }
    for one in said { #expect(expected.contains(one), "\(one) was found") }
  }

  /// The rows in which a VM's phases have a cause: `disk_neighbour hermes: 31...50`.
  private static func causes(of vm: String, _ file: IncidentFile) throws -> [String: Set<Int>] {
    let (ends, zero) = (try ends(file), try zero(file))
    var rows: [String: Set<Int>] = [:]
    for row in try file.rows(
      """
      SELECT phase.from_ns, phase.to_ns, kind, name FROM phase JOIN phase_cause USING (guest, phase)
      WHERE guest = '\(vm)' AND phase.seen_by = 'counters'
      """)
    {
      guard let from = row.integer("from_ns"), let to = row.integer("to_ns"),
        let kind = row.text("kind")
      else { continue }
      let own = ends.indices.filter { place in
        place > 0 && (ends[place - 1] + ends[place]) / 2 - zero >= from
          && (ends[place - 1] + ends[place]) / 2 - zero < to
      }
      rows["\(kind) \(row.text("name") ?? "-")", default: []].formUnion(own.map { $0 + 1 })
    }
    return rows
  }

  /// Whether a cause holds in these rows, within one at either end, and in no others.
  private static func expect(
    _ cause: String, in rows: ClosedRange<Int>, _ found: [String: Set<Int>],
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let own = found[cause] ?? []
    let all = "\(cause) in \(own.sorted()); \(found.keys.sorted())"
    #expect(
      own.isSuperset(of: rows.lowerBound + 1...rows.upperBound - 1), "\(all)",
      sourceLocation: sourceLocation)
    #expect(
      own.isSubset(of: rows.lowerBound - 1...rows.upperBound + 1), "\(all)",
      sourceLocation: sourceLocation)
  }

  @Test("rows that a connection holds are those that the views make of the counters")
  func held() throws {
    for name in [
      "D2-episode-60rows.csv", "02-esxtopd-small.csv", "D4-repeated-header-two-runs.csv",
    ] {
      let file = try Self.incident(of: Repository.shared("samples/esxtop/" + name))
      for view in ["esx_vm", "esx_vcpu", "esx_disk", "esx_port", "esx_host", "esx_user"] {
        let columns = try file.queue.read { try $0.columns(in: view).map(\.name) }
        let (own, stored) = try file.queue.read { db in
          let order = columns.map { "\"\($0)\"" }.joined(separator: ", ")
          return (
            try Row.fetchAll(db, sql: "SELECT \(order) FROM temp.\(view) ORDER BY \(order)"),
            try Row.fetchAll(db, sql: "SELECT \(order) FROM main.\(view) ORDER BY \(order)")
          )
        }
        // The third is a cut without the columns of its host.
        #expect(
          own.count == stored.count && (!own.isEmpty || name.hasPrefix("D4")), "\(name) \(view)")
        let different = zip(own, stored).first { left, right in
          columns.contains { column in
            let (a, b): (DatabaseValue, DatabaseValue) = (left[column], right[column])
            guard let x = Double.fromDatabaseValue(a), let y = Double.fromDatabaseValue(b) else {
              return a != b
            }
            return abs(x - y) > 1e-9 * max(1, abs(x))
          }
        }
        #expect(different == nil, "\(name) \(view): \(different.map { "\($0)" } ?? "")")
      }
    }
  }

  @Test("phases and their causes have the rows of the episode")
  func phases() throws {
    let file = try Self.incident(of: Repository.shared("samples/esxtop/D2-episode-60rows.csv"))
    let poseidon = try Self.causes(of: "poseidon", file)
    Self.expect("cpu_neighbour ananke", in: 21...40, poseidon)
    Self.expect("disk_neighbour hermes", in: 31...50, poseidon)
    Self.expect("host_memory -", in: 46...50, poseidon)
    Self.expect("throttle -", in: 21...40, try Self.causes(of: "hermes", file))
    #expect(poseidon.keys.allSatisfy { !$0.hasPrefix("unknown") && !$0.hasPrefix("throttle") })
    let text = ExplanationText.render(try Explanation(file, IOFilter()))
    let words = text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    #expect(words.hasPrefix("guest poseidon: by the counters of host esx1 "), "\(text)")
    #expect(words.contains("CPU neighbour ananke (on esx1), 0.49 -> 93 % of a CPU"), "\(text)")
    #expect(words.contains("disk neighbour hermes"), "\(text)")
    #expect(text.split(separator: "\n").count <= ExplanationText.mostLines)
  }

  @Test("other VMs, rows and sizes are found as well", arguments: [1, 2, 3] as [UInt64])
  func siblings(_ seed: UInt64) throws {
    let sibling = EsxSibling(
      changes: [
        EsxSibling.disk("ouranos", 1...90, rate: 40, device: 0.8),
        EsxSibling.disk("styx", 1...90, rate: 3.1, device: 0.8),
        EsxSibling.sharedDisk(1...90, rate: 60.5, device: 0.8),
        EsxSibling.cpus("ouranos", 12...26, ready: 12.3, costop: 5.1, used: 35.5),
        EsxSibling.cpus("portunus", 12...26, ready: 2.1, used: 71.3),
        EsxSibling.cpus("styx", 8...19, ready: 0.4, limited: 6.3, used: 18.2),
        EsxSibling.disk("ouranos", 40...61, rate: 35.5, device: 14.2, kernel: 9.3, queue: 8.1),
        EsxSibling.disk("styx", 40...61, rate: 310.5, device: 13.1, kernel: 9.3, queue: 8.1),
        EsxSibling.sharedDisk(40...61, rate: 352.5, device: 13.3, kernel: 9.3, queue: 8.1),
        EsxSibling.swap("ouranos", 70...79, read: 7.4, wait: 13.5),
        EsxSibling.drops("ouranos", 50...53, share: 1.7),
      ], rows: 90, period: 2, seed: seed)
    let file = try Self.incident(of: sibling)
    let ouranos = try Self.causes(of: "ouranos", file)
    Self.expect("cpu_neighbour portunus", in: 12...26, ouranos)
    Self.expect("disk_neighbour styx", in: 40...61, ouranos)
    Self.expect("host_memory -", in: 70...79, ouranos)
    Self.expect("throttle -", in: 8...19, try Self.causes(of: "styx", file))
    let findings = try file.findings()
    Self.compare(
      try Self.said(findings, file),
      [
        Said(code: "NOISY_CPU_NEIGHBOUR", guest: "ouranos", rows: 12...26),
        Said(code: "STEAL_HIDDEN", guest: "ouranos", rows: 12...26),
        Said(code: "CO_STOP", guest: "ouranos", rows: 12...26),
        Said(code: "CPU_LIMIT", guest: "styx", rows: 8...19),
        Said(code: "NOISY_DISK_NEIGHBOUR", guest: "ouranos", rows: 40...61),
        Said(code: "DISK_BUSY", guest: nil, rows: 40...61),
        Said(code: "NET_DROP_BEFORE_WIRE", guest: "ouranos", rows: 50...53),
        Said(code: "HOST_SWAP", guest: "ouranos", rows: 70...79),
      ])
    #expect(
      findings.first { $0.code.rawValue == "NOISY_DISK_NEIGHBOUR" }?.sentence.contains("styx did")
        ?? false)
    #expect(try Explanation(file, IOFilter()).guests.first?.guest == "ouranos")
  }

  @Test(
    "a host on which nothing happens has no phase and no warning",
    arguments: [4, 5, 6, 7] as [UInt64])
  func steady(_ seed: UInt64) throws {
    let file = try Self.incident(of: EsxSibling(changes: [], rows: 90, period: 2, seed: seed))
    #expect(try file.rows("SELECT * FROM phase").isEmpty)
    #expect(try file.findings().allSatisfy { $0.severity == .info })
  }

  @Test("each cause is found in its rows, and nothing in the others")
  func episode() throws {
    let file = try Self.incident(of: Repository.shared("samples/esxtop/D2-episode-60rows.csv"))
    let findings = try file.findings()
    let said = try Self.said(findings, file)
    let expected = [
      Said(code: "NOISY_CPU_NEIGHBOUR", guest: "poseidon", rows: 21...40),
      Said(code: "STEAL_HIDDEN", guest: "poseidon", rows: 21...40),
      Said(code: "STEAL_HIDDEN", guest: "ananke", rows: 21...40),
      Said(code: "CO_STOP", guest: "poseidon", rows: 21...40),
      Said(code: "CPU_LIMIT", guest: "hermes", rows: 21...40),
      Said(code: "NOISY_DISK_NEIGHBOUR", guest: "poseidon", rows: 31...50),
      Said(code: "DISK_BUSY", guest: nil, rows: 31...50),
      Said(code: "NET_DROP_BEFORE_WIRE", guest: "poseidon", rows: 36...38),
      Said(code: "HOST_SWAP", guest: "poseidon", rows: 46...50),
    ]
    Self.compare(said, expected)
    func sentence(_ code: String, of guest: String?) -> String {
      findings.first { $0.code.rawValue == code && $0.guest == guest }?.sentence ?? ""
    }
    #expect(sentence("NOISY_CPU_NEIGHBOUR", of: "poseidon").contains("ananke used 92.1 % of a CPU"))
    #expect(sentence("NOISY_DISK_NEIGHBOUR", of: "poseidon").contains("hermes did 900.0 commands"))
    #expect(sentence("CPU_LIMIT", of: "hermes").contains("%MLMTD"))
    #expect(sentence("STEAL_HIDDEN", of: "poseidon").contains("25.7 % of the time"))
    #expect(sentence("DISK_BUSY", of: nil).contains("(DAVG)"))
  }

  @Test("the real files have no episode")
  func quiet() throws {
    for name in ["01-esxtopd-full-a.csv", "02-esxtopd-small.csv"] {
      let file = try Self.incident(of: Repository.shared("samples/esxtop/" + name))
      #expect(try file.findings().allSatisfy { $0.severity == .info }, "\(name)")
    }
  }
}
