import Foundation
import TestSupport
import Testing
import TraceReport
import TraceStore

/// A real guest's block trace beside rows of esxtop that are summed from it: the virtual disk and the clock must be found, and
/// a guest of another host refused. The rows are simulated; there is no capture of both.
struct EsxJoinTests {
  private struct IO {
    let at: Double
    let time: Double
    let isRead: Bool
  }

  private static func text() throws -> String {
    try String(
      contentsOf: Repository.fixtures.appending(path: "kvm-noisy-cpu/guest-L2/blkparse.txt"),
      encoding: .utf8)
  }

  /// Reads and writes with their D to C, ms.
  private static func ios(_ text: String) -> [IO] {
    var open: [Substring: Double] = [:]
    var found: [IO] = []
    for line in text.split(separator: "\n") {
      let words = line.split(separator: " ")
      guard words.count > 9, words[8] == "+", let at = Double(words[3]), "DC".contains(words[5]),
        !words[6].hasPrefix("F"), !words[6].contains("D")
      else { continue }
      if words[5] == "D" {
        open[words[7]] = at
      } else if let issued = open.removeValue(forKey: words[7]) {
        found.append(IO(at: at, time: 1000 * (at - issued), isRead: words[6].contains("R")))
      }
    }
    return found.sorted { $0.at < $1.at }
  }

  private static let (start, period, residual) = (-1.37, 2.017, 0.2)
  private static func edge(_ number: Int) -> Double { start + Double(number) * period }

  /// Rows of a host with these VMs, whose clock began at 09:30:00.4 when the trace did.
  private static func esxtop(_ vms: [(name: String, ios: [IO])]) -> String {
    let counters = [
      "Commands/sec", "Reads/sec", "Writes/sec", "Average MilliSec/Read", "Average MilliSec/Write",
    ]
    let below = ["Driver", "Kernel", "Queue", "Guest"].map { "Average \($0) MilliSec/Command" }
    var header = ["(PDH-CSV 4.0) (UTC)(0)"]
    for (number, vm) in vms.enumerated() {
      header.append("\\\\esx1\\Group Cpu(\(number):\(vm.name))\\% VmWait")
      header.append("\\\\esx1\\Vcpu(\(number):\(vm.name):9\(number):PVSCSI-5\(number):0)\\% Used")
      header += counters.map { "\\\\esx1\\Virtual Disk(\(vm.name):scsi0:0)\\\($0)" }
      header += (["Commands/sec"] + below).map {
        "\\\\esx1\\Physical Disk Per-Device-Per-World(naa.6-5\(number))\\\($0)"
      }
    }
    var lines = [header]
    for row in 1...16 {
      let second = Int((edge(row) + 60.4).rounded(.down))
      let stamp = "11/30/2026 09:\(29 + second / 60):\(String(format: "%02d", second % 60))"
      var cells = [stamp]
      for vm in vms {
        let own = vm.ios.filter { $0.at > edge(row - 1) && $0.at <= edge(row) }
        func mean(_ ios: [IO], less: Double) -> Double {
          ios.isEmpty ? 0 : ios.reduce(0) { $0 + max(0, $1.time - less) } / Double(ios.count)
        }
        let (reads, writes) = (own.filter(\.isRead), own.filter { !$0.isRead })
        let guest = mean(own, less: residual + 0.3)
        let numbers = [
          0, 0, Double(own.count) / period, Double(reads.count) / period,
          Double(writes.count) / period, mean(reads, less: residual), mean(writes, less: residual),
          Double(own.count) / period, 0.9 * guest, 0.1 * guest, 0.05 * guest, guest,
        ]
        cells += numbers.map { String(format: "%.2f", $0) }
      }
      lines.append(cells)
    }
    return lines.map { $0.map { "\"\($0)\"" }.joined(separator: ",") + "\n" }.joined()
  }

  /// The same load, the other way round in time.
  private static func reversed(_ ios: [IO]) -> [IO] {
    let end = ios.last?.at ?? 0
    return ios.map { IO(at: end - $0.at, time: $0.time, isRead: $0.isRead) }.sorted {
      $0.at < $1.at
    }
  }

  /// The report without its line breaks.
  private static func report(_ incident: SmallIncident) throws -> String {
    TextRenderer.render(try Report.document(incident.file, ReportRequest()))
      .split(whereSeparator: \.isWhitespace).joined(separator: " ")
  }

  @Test("the virtual disk and the clock are found, and D2C is divided")
  func tied() throws {
    let text = try Self.text()
    let ios = Self.ios(text)
    #expect(ios.count > 500)
    let incident = try SmallIncident(of: [
      "guest-L2/blkparse.txt": text,
      "host-esx1/esxtop.csv": Self.esxtop([("other", Self.reversed(ios)), ("db (1)", ios)]),
    ])
    try incident.correlate()
    let match = try #require(try incident.file.rows("SELECT * FROM esx_match").first)
    #expect(match.text("verdict") == "tied")
    #expect(match.text("vm") == "db (1)" && match.text("disk") == "scsi0:0")
    #expect(match.number("mismatch_pct") ?? 100 < 3)
    #expect(match.integer("ahead_ns") == nil)
    let layers = try incident.file.rows("SELECT * FROM esx_layer WHERE is_comparable = 1")
    #expect(layers.count >= 8)
    for row in layers {
      let line = try #require(row.integer("line"))
      let end = try #require(row.number("to_ns"))
      #expect(abs(end / 1e9 - Self.edge(Int(line) - 1)) < 0.1)
      let driver = try #require(row.number("driver_ms"))
      let (guest, bound) = (row.number("guest_ms") ?? 0, row.number("driver_error_ms") ?? 0)
      #expect(abs(driver - Self.residual) <= max(0.05 * guest, bound), "line \(line)")
      let sum = ["driver_ms", "vscsi_ms", "queue_ms", "kernel_ms", "device_ms"]
        .compactMap { row.number($0) }.reduce(0, +)
      #expect(abs(sum - guest) < 1e-6)
    }
    let report = try Self.report(incident)
    #expect(report.contains("is scsi0:0 of VM db (1) on esx1"))
    #expect(report.contains("not measurable, under"))
  }

  @Test("a guest of another host is refused")
  func refused() throws {
    let text = try Self.text()
    let incident = try SmallIncident(of: [
      "guest-L2/blkparse.txt": text,
      "host-esx1/esxtop.csv": Self.esxtop([("other", Self.reversed(Self.ios(text)))]),
    ])
    try incident.correlate()
    let match = try #require(try incident.file.rows("SELECT * FROM esx_match").first)
    #expect(match.text("verdict") == "refused")
    #expect(match.text("vm") == nil)
    #expect(try incident.file.rows("SELECT * FROM esx_layer").isEmpty)
    let report = try Self.report(incident)
    #expect(report.contains("fits no virtual disk on esx1"))
  }
}
