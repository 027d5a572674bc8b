import Foundation
import TestSupport
import Testing

@testable import TraceAnalysis
@testable import TraceStore

/// Passes fill the tables that they name, and no other.
struct CorrelationPassTests {
  /// Filled before the passes, and behind them.
  private static let others: Set<String> = ["counter_step", "finding_row", "finding_result"]

  @Test("every table of what correlation finds is some pass's")
  func everyTable() {
    let filled = Set(Correlation.passes.flatMap { $0.fills })
    #expect(filled.isDisjoint(with: Self.others))
    #expect(filled.union(Self.others) == Set(Schema.derivedTables))
  }

  @Test("a pass fills no other tables than it says")
  func fills() throws {
    let folder = try Repository.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let path = folder.appending(path: "incident.db").path
    let capture = Repository.fixtures.appending(path: "kvm-noisy-cpu").path
    #expect(try Program.run("ingest", path, capture).status == 0)
    let file = try IncidentFile(path, mode: .write)
    func counts() throws -> [String: StoredValue] {
      var counts: [String: StoredValue] = [:]
      for table in Schema.derivedTables {
        try file.query("SELECT count(*) FROM \(table)", columns: { _ in }) { counts[table] = $0[0] }
      }
      return counts
    }
    try file.workOutCounterSteps()
    let context = try CorrelationContext(file)
    let passes = try Correlation.passes.map { try $0.init(context) }
    var filled: Set<String> = []
    try file.replaceCorrelation { writer in
      for pass in passes {
        let before = try counts()
        try pass.write(to: writer, context)
        let changed = Set(try counts().filter { before[$0.key] != $0.value }.keys)
        #expect(changed.isSubset(of: type(of: pass).fills), "\(type(of: pass))")
        filled.formUnion(changed)
      }
    } findings: {
      []
    }
    // Of a capture with block traces of both sides.
    #expect(
      filled.isSuperset(of: [
        "clock_relation", "device_extent", "guest_io", "hop_quantile", "join_summary",
        "queue_interval",
      ]), "\(filled)")
  }
}
