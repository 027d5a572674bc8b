import Foundation
import GRDB
import Synchronization
import TestSupport
import Testing
import TraceAnalysis

@testable import TraceStore

/// What a signal does to a correlation, at each of its statements. That a signal does it, `CrashTests` shows.
struct StoppedCorrelationTests {
  /// How many statements SQLite ran.
  private final class Counter: Sendable {
    let statements = Atomic(0)
    let stopsAt: Int

    init(stopsAt: Int) { self.stopsAt = stopsAt }

    /// Whether this is the one.
    func count() -> Bool {
      statements.wrappingAdd(1, ordering: .relaxed).newValue == stopsAt
    }
  }

  /// Correlates a file, and stops at a statement; returns how many there were.
  private static func correlate(_ path: String, stoppingAt number: Int) throws -> Int {
    let file = try IncidentFile(path, mode: .write)
    defer { try? file.close() }
    let counter = Counter(stopsAt: number)
    let activity = file.activity
    file.queue.inDatabase { db in
      db.trace { _ in if counter.count() { activity.stop() } }
    }
    try Correlation.run(file)
    return counter.statements.load(ordering: .relaxed)
  }

  @Test("a correlation that is stopped at any statement leaves the file as it was, to the byte")
  func stopped() throws {
    let folder = try Repository.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    func path(_ name: String) -> String { folder.appending(path: name).path }
    do {
      let incident = try SmallIncident(path: path("base.db"))
      try incident.add(HandMadePair.every10ms(60, seed: 3))
      try incident.file.close()
    }
    let before = try Data(contentsOf: folder.appending(path: "base.db"))
    try before.write(to: folder.appending(path: "done.db"))
    let all = try Self.correlate(path("done.db"), stoppingAt: 0)
    #expect(all > 500)
    let done = try Data(contentsOf: folder.appending(path: "done.db"))
    #expect(done != before)

    // The last one is its commit, and it may be too late then.
    for part in 0...40 {
      let number = 1 + part * (all - 2) / 40
      let incident = folder.appending(path: "\(part).db")
      try before.write(to: incident)
      let error = #expect(throws: StoreError.self, "statement \(number) of \(all)") {
        try Self.correlate(incident.path, stoppingAt: number)
      }
      #expect(error?.kind == .interrupted, "statement \(number): \(String(describing: error))")
      #expect(try Data(contentsOf: incident) == before, "statement \(number) of \(all)")
      #expect(!FileManager.default.fileExists(atPath: incident.path + "-journal"))
    }
    // What was stopped can be done again.
    _ = try Self.correlate(path("7.db"), stoppingAt: 0)
    #expect(try Data(contentsOf: folder.appending(path: "7.db")) == done)
  }
}
