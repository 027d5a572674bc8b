import Foundation
import TestSupport
import Testing

/// The queries that `hiddenq query --name` runs.
struct StoredQueryTests {
  static let names: [String] = {
    let listed = try? Program.run("query", "--list", "--format", "csv").output
    return (listed ?? "").split(separator: "\n").dropFirst().compactMap {
      $0.split(separator: ",").first.map(String.init)
    }
  }()

  static let fixture = Result {
    try incident(Repository.fixtures.appending(path: "kvm-noisy-cpu"))
  }

  static func incident(_ files: URL) throws -> String {
    let path = try Repository.temporaryFolder().path + "/incident.db"
    #expect(try Program.run("ingest", path, files.path).status == 0)
    _ = try Program.run("correlate", path)
    return path
  }

  @Test("each file has its name in the list, which is 80 columns wide at most")
  func list() throws {
    let files = try FileManager.default.contentsOfDirectory(
      atPath: Repository.root.appending(path: "schema/queries").path)
    #expect(files.map { String($0.dropLast(".sql".count)) }.sorted() == Self.names.sorted())
    #expect(Self.names.count >= 10)
    let table = try Program.run("query", "--list").output
    for line in table.split(separator: "\n") { #expect(line.count <= 80, "\(line)") }
  }

  @Test("each runs on an incident", arguments: names)
  func runs(_ name: String) throws { _ = try Self.rows(of: name, in: [Self.fixture.get()]) }

  static func rows(of name: String, in incidents: [String]) throws -> Int {
    var rows = 0
    for incident in incidents {
      let outcome = try Program.run("query", incident, "--name", name, "--format", "jsonl")
      #expect(outcome.status == 0, "\(outcome.errors)")
      rows += outcome.output.split(separator: "\n").count
      let table = try Program.run("query", incident, "--name", name, "--format", "csv").output
      #expect(table.split(separator: "\n").first?.contains(",") ?? false)
    }
    return rows
  }

  @Test("what they say of the fixture is what its traces say")
  func values() throws {
    let incident = try Self.fixture.get()
    func rows(_ name: String) throws -> [[String: Any]] {
      let text = try Program.run("query", incident, "--name", name, "--format", "json").output
      return try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [[String: Any]] ?? []
    }
    // 8 sectors are 4 KiB; every I/O of the guest is in one row of each.
    let whole = try Int(
      Program.value(
        incident, "SELECT count(*) FROM io WHERE block_ns IS NOT NULL AND op <> 'flush'"))
    let sizes = try rows("by-size")
    #expect(sizes.reduce(0) { $0 + ($1["ios"] as? Int ?? 0) } == whole)
    for row in sizes {
      let (limit, largest) = (row["up_to_kib"] as? Double ?? 0, row["largest_kib"] as? Double ?? 1)
      #expect(largest <= limit && 2 * largest > limit)
    }
    let processes = try rows("by-process").filter { $0["op"] as? String != "flush" }
    #expect(processes.reduce(0) { $0 + ($1["ios"] as? Int ?? 0) } == whole)
    #expect(processes.first?["process"] as? String == "fio")
    // What the host's device did was the guest's, but for one write of nobody.
    let users = try rows("device-users")
    let carried = users.filter { $0["for_a_guest"] as? String == "yes" }
    #expect(
      carried.reduce(0) { $0 + ($1["requests"] as? Int ?? 0) }
        == (try Int(Program.value(incident, "SELECT count(DISTINCT host_request_id) FROM io"))))
    #expect(users.reduce(0) { $0 + ($1["share_pct"] as? Double ?? 0) } > 99.5)
  }
}
