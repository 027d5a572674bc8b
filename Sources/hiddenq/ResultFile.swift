internal import Foundation
internal import Glibc

/// A file that is written piece by piece and takes its name when it is whole: who looks earlier finds what
/// was there before.
final class ResultFile {
  private let path: String
  private let partial: String
  private let handle: FileHandle
  private var pending = Data()
  private var failed = false

  private static let piece = 1 << 20

  init(_ path: String) throws {
    self.path = path
    partial = path + ".part"
    guard FileManager.default.createFile(atPath: partial, contents: nil),
      let handle = FileHandle(forWritingAtPath: partial)
    else { throw CommandFailure(message: "\(path): cannot be written") }
    self.handle = handle
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
    if !failed { failed = unsafe rename(partial, path) != 0 }
    try check()
  }

  /// Takes away what was written so far.
  func discard() {
    try? handle.close()
    try? FileManager.default.removeItem(atPath: partial)
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
