internal import Foundation
internal import Glibc

/// A file that is written piece by piece and takes its name when it is whole: who looks earlier finds what
/// was there before. What is no regular file (a pipe, `/dev/stdout`) is written to and stays what it is.
final class ResultFile {
  private let path: String
  private let partial: String
  private let handle: FileHandle
  private var pending = Data()
  private var failed = false

  private static let piece = 1 << 20

  init(_ path: String) throws {
    self.path = path
    let isSpecial = Output.isSpecial(path)
    partial = isSpecial ? path : path + ".part"
    // What an interrupted run left, or a link that somebody else put there to be followed.
    if !isSpecial { unsafe unlink(partial) }
    let how = isSpecial ? O_WRONLY : O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW
    let descriptor = unsafe open(partial, how | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else {
      let reason = unsafe String(cString: strerror(errno))
      throw CommandFailure(message: "\(path): cannot be written (\(reason))")
    }
    handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
  }

  /// Adds text. A failure is kept for ``check()``, since not every caller can throw.
  func write(_ text: String) { write(Data(text.utf8)) }

  /// Adds bytes.
  func write(_ bytes: some DataProtocol) {
    pending.append(contentsOf: bytes)
    if pending.count >= Self.piece { flush() }
  }

  /// Throws when a write has failed.
  func check() throws {
    if failed { throw CommandFailure(message: "\(path): cannot be written; is the disk full?") }
  }

  /// The file is whole.
  func end() throws {
    flush()
    try check()
    do {
      try handle.close()
    } catch {
      failed = true
    }
    if !failed, partial != path { failed = unsafe rename(partial, path) != 0 }
    try check()
  }

  /// Takes away what was written so far.
  func discard() {
    try? handle.close()
    if partial != path { try? FileManager.default.removeItem(atPath: partial) }
  }

  private func flush() {
    guard !failed, !pending.isEmpty else { return }
    do {
      try handle.write(contentsOf: pending)
    } catch {
      failed = true
    }
    pending.removeAll(keepingCapacity: true)
  }
}
