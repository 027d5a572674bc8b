internal import Glibc

/// Why a file could not be read.
public struct ReadError: Error, Sendable {
  /// The file as the user named it.
  public let path: String
  /// What the operating system said.
  public let reason: String

  /// A failure with the current `errno`.
  init(path: String, errno code: Int32) {
    self.path = path
    reason = unsafe String(cString: strerror(code))
  }

  /// A failure of our own words.
  public init(path: String, reason: String) {
    self.path = path
    self.reason = reason
  }
}

/// An open file or standard input, read from its start in pieces with read(2).
///
/// Not mmap: it costs the same CPU, but it holds the whole file in memory, kills the process when the
/// file is cut while it is read, and cannot serve a pipe.
public final class ByteSource {
  /// The file as the user named it; `-` for standard input.
  public let path: String
  /// Its size, 0 where that is not known beforehand (a pipe).
  public let size: Int64
  private let descriptor: Int32

  /// Opens a regular file or, for `-`, standard input.
  public init(path: String) throws(ReadError) {
    self.path = path
    if path == "-" {
      descriptor = 0
      size = 0
      return
    }
    let opened = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard opened >= 0 else { throw ReadError(path: path, errno: errno) }
    var status = stat()
    guard unsafe fstat(opened, &status) == 0 else {
      let code = errno
      close(opened)
      throw ReadError(path: path, errno: code)
    }
    switch status.st_mode & S_IFMT {
    case S_IFREG: break
    case S_IFDIR:
      close(opened)
      throw ReadError(path: path, reason: "is a directory, expected a file")
    default:
      close(opened)
      throw ReadError(path: path, reason: "is a device, socket or pipe, expected a file")
    }
    descriptor = opened
    size = Int64(status.st_size)
  }

  deinit {
    if descriptor > 0 { close(descriptor) }
  }

  /// Reads up to `count` bytes to the place given; returns how many, 0 at the end.
  func read(into buffer: inout [UInt8], at offset: Int, count: Int) throws(ReadError) -> Int {
    while true {
      let got = unsafe buffer.withUnsafeMutableBytes { bytes in
        unsafe Glibc.read(descriptor, bytes.baseAddress.map { unsafe $0 + offset }, count)
      }
      if got >= 0 { return got }
      if errno != EINTR { throw ReadError(path: path, errno: errno) }
    }
  }
}
