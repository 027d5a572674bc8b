import Foundation
import Testing
import TraceModel

@testable import TraceIngest

/// The grammar of esxtop's batch mode, and what people and tools make of its files.
struct EsxtopTests {
  private static func read(_ text: String) throws -> (RecordedCounters, SourceSummary) {
    let path = FileManager.default.temporaryDirectory.appending(
      path: "esxtop-\(UUID().uuidString).csv")
    try Data(text.utf8).write(to: path)
    defer { try? FileManager.default.removeItem(at: path) }
    let sink = RecordedCounters()
    let summary = try IngestRun(source: try ByteSource(path: path.path)).read(into: sink)
    return (sink, summary)
  }

  private static func header(_ columns: [String], zone: String = "(UTC)(0)", host: String = "esx1")
    -> String
  {
    (["(PDH-CSV 4.0) \(zone)"] + columns.map { "\\\\\(host)\\\($0)" }).map { "\"\($0)\"" }
      .joined(separator: ",") + "\n"
  }

  private static func row(_ second: Int, _ cells: [String]) -> String {
    let stamp = "11/30/2026 09:30:\(second < 10 ? "0" : "")\(second)"
    return ([stamp] + cells).map { "\"\($0)\"" }.joined(separator: ",") + "\n"
  }

  private static let columns = [
    "Memory\\Free MBytes", "Group Cpu(7:web (1), \"a\": x)\\% VmWait".replacing("\"", with: "\"\""),
    "Vcpu(7:web (1), \"a\": x:100:vmx-vcpu-0:web)\\% Ready".replacing("\"", with: "\"\""),
    "Physical Disk SCSI Device(naa.60)\\Commands/sec",
  ]

  @Test("names with parentheses, commas, colons and quotes")
  func names() throws {
    let (sink, _) = try Self.read(
      Self.header(Self.columns) + Self.row(1, ["5", "0.00", "1.50", "0.00"])
        + Self.row(3, ["-1", "0.10", "2.345", "12.5"]))
    #expect(
      sink.values.map(\.description) == [
        "0 esxtop machine : Free MBytes = 500",
        "0 esxtop vm web (1), \"a\": x: % VmWait = 0",
        "0 esxtop vcpu web (1), \"a\": x vCPU 0: % Ready = 150",
        "1 esxtop machine : Free MBytes = -100",
        "1 esxtop vm web (1), \"a\": x: % VmWait = 10",
        "1 esxtop vcpu web (1), \"a\": x vCPU 0: % Ready = 235",
        "1 esxtop disk naa.60: Commands/sec = 1250",
      ])
  }

  @Test("a column without name, quotes and comma takes no cell away")
  func nameless() throws {
    let (sink, _) = try Self.read(
      "\"(PDH-CSV 4.0) (UTC)(0)\",\"\\\\h\\PCPU Power State(PCPU 0)\\%T-State T7\",   -\"\\\\h\\Memory\\Free MBytes\",   -\n"
        + "\"11/30/2026 09:30:01\",\"0.00\",    73.1\"579\",    73.9\n")
    #expect(sink.values.map(\.value) == [57_900])
  }

  @Test("times become UTC by the bias of the header")
  func zones() throws {
    // Berlin in winter is an hour ahead: -60 minutes must be added to get UTC.
    let (sink, _) = try Self.read(
      Self.header(["Memory\\Free MBytes"], zone: "(Romance Standard Time)(-60)")
        + Self.row(1, ["5"]))
    let wall = try #require(sink.moments.first?.wall)
    #expect(wall == WallTime(nanoseconds: 1796027401_000_000_000, utcOffset: 3600))
  }

  @Test("rows with too few or too many cells are left out and counted")
  func shortRows() throws {
    var text = Self.header(Self.columns)
    for second in 0..<20 { text += Self.row(second, ["5", "0.00", "1.50", "3.00"]) }
    text += Self.row(20, ["5", "0.00"]) + Self.row(21, ["5", "0.00", "1.50", "3.00", "9"])
    let (sink, summary) = try Self.read(text)
    #expect(sink.moments.count == 20)
    #expect(summary.skippedLines == 2)
    #expect(summary.problems.first { $0.kind == .truncatedLine }?.count == 2)
  }

  @Test("an empty cell is no value, and a word is said")
  func emptyCells() throws {
    let (sink, summary) = try Self.read(
      Self.header(["Memory\\Free MBytes", "Memory\\Kernel MBytes"]) + Self.row(1, ["", "4"])
        + Self.row(2, ["x", "4"]))
    #expect(sink.values.map(\.counter) == ["Kernel MBytes", "Kernel MBytes"])
    #expect(summary.problems.first { $0.kind == .impossibleValue }?.count == 1)
  }

  @Test("a log of Windows is refused with the reason")
  func windows() {
    let text =
      "\"(PDH-CSV 4.0) (Central Daylight Time)(300)\",\"\\\\PC\\Processor(_Total)\\% Processor Time\","
      + "\"\\\\PC\\Memory\\Available MBytes\",\"\\\\PC\\PhysicalDisk(0 C:)\\Disk Reads/sec\"\n"
      + "\"11/30/2026 09:30:01.482\",\"1.5\",\"4000\",\"7\"\n"
    #expect {
      _ = try Self.read(text)
    } throws: {
      guard case IngestError.refused(.foreignTool, let line, _, let hint) = $0 else { return false }
      return line == 1 && hint.contains("Windows")
    }
  }

  @Test("a header of another host ends what is read")
  func otherHost() throws {
    let (sink, summary) = try Self.read(
      Self.header(["Memory\\Free MBytes"]) + Self.row(1, ["5"])
        + Self.header(["Memory\\Free MBytes"], host: "esx2") + Self.row(2, ["6"])
        + Self.header(["Memory\\Free MBytes"]) + Self.row(3, ["7"]))
    #expect(sink.values.map(\.value) == [500, 700])
    #expect(summary.problems.contains { $0.kind == .otherHost && $0.line == 3 })
  }

  @Test("lines that end with a carriage return alone")
  func returns() throws {
    let text = (Self.header(["Memory\\Free MBytes"]) + Self.row(1, ["5"]) + Self.row(2, ["6"]))
      .replacing("\n", with: "\r")
    #expect(try Self.read(text).0.values.map(\.value) == [500, 600])
  }

  @Test("two VMs of one name are told apart by their groups")
  func sameNames() throws {
    let (sink, _) = try Self.read(
      Self.header([
        "Group Cpu(7:db)\\% VmWait", "Group Cpu(9:db)\\% VmWait",
        "Vcpu(9:db:50:vmx-vcpu-0:db)\\% Ready",
        "Vcpu(9:db:51:NetWorld-VM-49)\\% Used",
        "Physical Disk Per-Device-Per-World(naa.6-1-49)\\Commands/sec",
        "Physical Disk Per-Device-Per-World(naa.6-1-48)\\Commands/sec",
        "Physical Disk Per-Device-Per-World(naa.6-1-77)\\Commands/sec",
      ]) + Self.row(1, ["0", "0", "1", "0", "1", "2", "3"])
        + Self.row(2, ["0", "0", "1", "0", "1", "2", "3"]))
    #expect(
      sink.objects.map(\.name) == [
        "db (7)", "db (9)", "db (9) vCPU 0", "naa.6-1 db (9)", "naa.6-1 db (9) vmx",
        "naa.6-1 world 77",
      ])
    #expect(sink.objects.suffix(3).map(\.owner) == ["db (9)", "db (9)", nil])
  }
}
