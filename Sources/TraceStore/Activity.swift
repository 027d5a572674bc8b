internal import Foundation
internal import GRDB
internal import Synchronization

/// What an open incident file is doing, for another thread that wants it to stop.
public final class Activity: Sendable {
  private let path: String
  private let queue: DatabaseQueue
  private let writing = Atomic(false)
  private let stopped = Atomic(false)
  private let worthless = Atomic(false)

  init(_ queue: DatabaseQueue, path: String, isNew: Bool) {
    self.queue = queue
    self.path = path
    worthless.store(isNew, ordering: .sequentiallyConsistent)
  }

  /// Whether a transaction is open.
  public var isWriting: Bool { writing.load(ordering: .sequentiallyConsistent) }

  /// Lets the open transaction fail and no other begin: what it wrote is taken back.
  public func stop() {
    stopped.store(true, ordering: .sequentiallyConsistent)
    queue.interrupt()
  }

  /// Takes a file away that was made by this program and got nothing so far. The program must end then.
  public func abandon() {
    if worthless.load(ordering: .sequentiallyConsistent) { IncidentFile.remove(path) }
  }

  func begin() throws {
    writing.store(true, ordering: .sequentiallyConsistent)
    do {
      try check()
    } catch {
      end()
      throw error
    }
  }

  func end() { writing.store(false, ordering: .sequentiallyConsistent) }

  /// What was committed is worth keeping.
  func keep() { worthless.store(false, ordering: .sequentiallyConsistent) }

  /// Throws when it was told to stop.
  func check() throws {
    if stopped.load(ordering: .sequentiallyConsistent) {
      throw StoreError(.interrupted, "was interrupted")
    }
  }
}

extension IncidentFile {
  /// Runs work in one transaction that no other program and no interruption can tear apart. Returns whether
  /// it was committed.
  @discardableResult
  func writing(_ work: (Database) throws -> Database.TransactionCompletion) throws -> Bool {
    try activity.begin()
    defer { activity.end() }
    var isCommitted = false
    try translating {
      try queue.inDatabase { db in
        try db.inTransaction(.immediate) {
          let completion = try work(db)
          try activity.check()
          isCommitted = completion == .commit
          return completion
        }
      }
    }
    if isCommitted { activity.keep() }
    return isCommitted
  }
}
