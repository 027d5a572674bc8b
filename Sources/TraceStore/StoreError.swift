internal import GRDB
internal import TraceModel

/// Why the incident file could not do what was asked. Ends the command.
public struct StoreError: Error, Sendable {
  /// What kind of failure, for the exit status and the advice.
  public enum Kind: Sendable {
    /// There is no such file.
    case missing
    /// It is no incident file of ours.
    case foreign
    /// A newer hiddenq made it.
    case tooNew
    /// An older hiddenq made it, and it was opened only to be read.
    case tooOld
    /// It cannot be written, or not even opened.
    case access
    /// The disk is full.
    case full
    /// Another program has it locked.
    case busy
    /// Its pages are damaged.
    case damaged
    /// It was told to stop.
    case interrupted
    /// The SQL is wrong, or not allowed.
    case statement
    /// A result that cannot be (a bug of ours).
    case unexpected
  }

  /// What kind.
  public let kind: Kind
  /// One clause in plain words, without the file's name.
  public let message: String

  /// A request whose numbers no ingest writes: to calculate with them would end the program or, worse, give
  /// a number.
  static var damagedRequest: StoreError {
    StoreError(.damaged, "has a damaged row among its block requests; 'hiddenq check' says more")
  }

  /// A distance of two devices that no ingest writes.
  static var damagedRemap: StoreError {
    StoreError(.damaged, "is damaged: a distance in the table block_remap is beyond any disk")
  }

  /// A word that a column with a fixed vocabulary cannot hold.
  public static func unknownWord(_ text: String, _ column: String) -> StoreError {
    StoreError(
      .damaged,
      "is damaged: '\(column)' is the unknown '\(Printable.text(String(text.prefix(40))))'")
  }

  /// A failure in our own words.
  public init(_ kind: Kind, _ message: String) {
    self.kind = kind
    self.message = message
  }

  /// What SQLite said.
  init(_ error: DatabaseError) {
    let text = error.message ?? error.resultCode.description
    switch error.resultCode {
    case .SQLITE_FULL: self.init(.full, "the disk is full")
    case .SQLITE_IOERR:
      self.init(.full, "writing or reading failed (\(text)); is the disk full?")
    case .SQLITE_READONLY, .SQLITE_PERM:
      self.init(.access, "the file or its directory cannot be written (\(text))")
    case .SQLITE_CANTOPEN: self.init(.access, "cannot be opened (\(text))")
    case .SQLITE_BUSY, .SQLITE_LOCKED: self.init(.busy, "another program has it locked")
    case .SQLITE_INTERRUPT: self.init(.interrupted, "was interrupted")
    case .SQLITE_NOTADB: self.init(.foreign, "is not an SQLite file")
    case .SQLITE_CORRUPT: self.init(.damaged, "is damaged (\(text))")
    default:
      self.init(.statement, error.sql.map { "\(text) in: \($0.prefix(200))" } ?? text)
    }
  }
}

/// Runs work on a database and turns SQLite's errors into ours; other errors pass.
func translating<Result>(_ work: () throws -> Result) throws -> Result {
  do {
    return try work()
  } catch let error as DatabaseError {
    throw StoreError(error)
  } catch is RowDecodingError {
    throw StoreError(.damaged, "holds a value of the wrong kind; 'hiddenq check' says more")
  }
}
