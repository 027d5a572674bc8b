internal import Dispatch
internal import Foundation
internal import Glibc
internal import Synchronization
internal import TraceStore

/// Ends the program well when it is told to stop (SIGINT, SIGTERM).
///
/// Where a transaction is open it fails and is taken back; elsewhere, and on a second signal, the program
/// ends at once. Even then nothing is lost: SQLite takes the rest back when the file is next opened.
enum Interruption {
  private struct State {
    var work: Activity?
    var path: String?
    var passing: String?
    var folder: String?
  }

  private static let state = Mutex(State())
  /// 0: none came. Not an `Int32?` in the state: in an optimised build of Swift 6.3.1 its nil read back as 0, and
  /// each failure ended with status 128.
  private static let first = Atomic<Int32>(0)
  /// How long an open transaction may take to end.
  private static let patience = DispatchTimeInterval.seconds(2)

  /// The signal that came; nil: none.
  static var signal: Int32? {
    let number = first.load(ordering: .sequentiallyConsistent)
    return number == 0 ? nil : number
  }

  /// Listens from now on. A signal that the caller had ignored (nohup, a job in the background) stays so.
  static func listen() {
    for number in [SIGINT, SIGTERM] {
      var before = sigaction()
      guard unsafe sigaction(number, nil, &before) == 0, !isIgnored(before) else { continue }
      _ = Glibc.signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
      // It holds itself, and listens as long as the program runs.
      source.setEventHandler { withExtendedLifetime(source) { received(number) } }
      source.resume()
    }
  }

  /// What to stop from now on: the work on an incident file.
  static func stopping(_ file: IncidentFile) {
    state.withLock {
      $0.work = file.activity
      $0.path = file.path
    }
  }

  /// A file that must not stay when the program ends early; nil: there is none any more.
  static func removing(_ path: String?) {
    state.withLock { $0.passing = path }
  }

  /// A folder that must not stay when the program ends early; nil: there is none any more.
  static func removing(folder: String?) {
    state.withLock { $0.folder = folder }
  }

  private static func isIgnored(_ action: sigaction) -> Bool {
    let handler = unsafe unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self)
    let ignoring = unsafe unsafeBitCast(SIG_IGN, to: Int.self)
    return handler == ignoring
  }

  private static func received(_ number: Int32) {
    let isFirst = first.compareExchange(
      expected: 0, desired: number, ordering: .sequentiallyConsistent
    ).exchanged
    let (work, path) = state.withLock { ($0.work, $0.path ?? "the incident file") }
    guard let work else { end(number, "interrupted") }
    guard work.isWriting else {
      work.stop()
      work.abandon()
      end(number, "interrupted; nothing in \(path) is half done")
    }
    let late = "interrupted; uncommitted changes in \(path) are rolled back when it is next opened"
    guard isFirst else {
      work.abandon()
      end(number, late)
    }
    work.stop()
    DispatchQueue.global().asyncAfter(deadline: .now() + patience) {
      work.abandon()
      end(number, late)
    }
  }

  private static func end(_ number: Int32, _ text: String) -> Never {
    if let path = state.withLock({ $0.passing }) {
      for suffix in ["", "-journal"] { unsafe _ = unlink(path + suffix) }
    }
    if let folder = state.withLock({ $0.folder }) {
      try? FileManager.default.removeItem(atPath: folder)
    }
    Exit.complain(text)
    _exit(128 + number)
  }
}
