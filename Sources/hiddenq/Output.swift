internal import Foundation
internal import Glibc
internal import Synchronization

/// Puts results where they were asked for.
enum Output {
  /// What standard output has not been given yet.
  private static let pending = Mutex<[UInt8]>([])
  /// More than that goes at once.
  private static let piece = 1 << 16

  /// Says something to the person, not to what reads the results.
  static func toStandardError(_ text: String) {
    FileHandle.standardError.write(Data(text.utf8))
  }

  /// Adds to the results on standard output. Ends the program where they cannot be written: what is
  /// computed after that has no reader.
  static func print(_ text: String) {
    let isFull = pending.withLock { pending in
      pending.append(contentsOf: text.utf8)
      return pending.count >= piece
    }
    if isFull { finish() }
  }

  /// Makes sure that all results left the program: on a full disk a report must not end early with status 0.
  static func finish() {
    let bytes = pending.withLock { pending in
      defer { pending.removeAll(keepingCapacity: true) }
      return pending
    }
    guard let code = writeAll(bytes) else { return }
    // Who reads has seen enough (`| head`), and usually that signal has ended the program already.
    if code == EPIPE { exit(128 + SIGPIPE) }
    let reason = unsafe String(cString: strerror(code))
    Exit.complain("standard output: cannot be written (\(reason)); the results are not complete")
    exit(Exit.couldNotRun)
  }

  /// nil: all is written; else why not.
  private static func writeAll(_ bytes: [UInt8]) -> Int32? {
    unsafe bytes.withUnsafeBytes { buffer in
      guard let start = buffer.baseAddress else { return nil }
      var at = 0
      while at < buffer.count {
        let count = unsafe Glibc.write(STDOUT_FILENO, start + at, buffer.count - at)
        if count >= 0 {
          at += count
        } else if errno == EAGAIN {
          // Somebody else made it so that it does not wait.
          var output = pollfd(fd: STDOUT_FILENO, events: Int16(POLLOUT), revents: 0)
          _ = unsafe poll(&output, 1, -1)
        } else if errno != EINTR {
          return errno
        }
      }
      return nil
    }
  }

  /// Writes a file as a whole; a failure leaves what was there. What is no regular file (a terminal, a pipe,
  /// `/dev/null`) is written to and stays what it is.
  static func write(_ text: String, to path: String) throws {
    do {
      if isSpecial(path) {
        let handle = try FileHandle(forWritingTo: URL(filePath: path))
        try handle.write(contentsOf: Data(text.utf8))
        try handle.close()
      } else {
        try Data(text.utf8).write(to: URL(filePath: path), options: .atomic)
      }
    } catch {
      throw CommandFailure(message: "\(path): cannot be written\(reason(error))")
    }
  }

  /// Whether something is there that is no regular file.
  static func isSpecial(_ path: String) -> Bool {
    var found = stat()
    return unsafe stat(path, &found) == 0 && found.st_mode & S_IFMT != S_IFREG
  }

  /// ` (Is a directory)`; nothing where that is not known.
  private static func reason(_ error: any Error) -> String {
    let cause = (error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError
    let known = [error as NSError, cause].compactMap { $0 }
      .first { $0.domain == NSPOSIXErrorDomain }
    return known.map { unsafe " (" + String(cString: strerror(Int32($0.code))) + ")" } ?? ""
  }
}
