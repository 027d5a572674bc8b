/// Archives of captures: tar, also packed with gzip, xz, zstd or bzip2, and zip.
public enum Archive {
  /// What an archive may hold. An archive is input of somebody else: a few bytes of it can stand for more than
  /// any disk.
  public struct Limits: Sendable {
    /// Bytes of all its files together.
    public var bytes: Int64 = 64 << 30
    /// Bytes of all its files over those of the archive, where they are more than ``slack``.
    public var ratio: Int64 = 100
    /// Bytes that any archive may unpack to, however small it is.
    public var slack: Int64 = 1 << 30
    /// Files, folders and links.
    public var entries = 200_000
    /// Names in a path.
    public var depth = 32

    /// 64 GiB, 100 times the archive and 1 GiB, 200,000 entries, 32 names.
    public init() {}
  }

  /// An entry that was not unpacked, and why.
  public struct LeftOut: Sendable, Equatable {
    /// Its path in the archive.
    public let path: String
    /// Why, as a clause whose subject is the entry.
    public let reason: String
  }

  private static let endings = [
    ".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.zst", ".tzst", ".tar.bz2", ".tbz2", ".tbz",
    ".zip",
  ]

  /// The name without its ending, `case` of `case.tar.gz`; nil where the name is not that of an archive.
  public static func stem(ofName name: String) -> String? {
    let low = name.lowercased()
    guard let ending = endings.first(where: { low.hasSuffix($0) && low.count > $0.count }) else {
      return nil
    }
    return String(name.dropLast(ending.count))
  }

  /// Whether a file is an archive, by its content.
  public static func isArchive(_ path: String) -> Bool { (try? kind(of: path)) != nil }

  private enum Kind {
    case tar, zip
  }

  private static func kind(of path: String) throws(ReadError) -> Kind? {
    let source = try ByteSource(path: path)
    var head = [UInt8](repeating: 0, count: TarHeader.size)
    var got = 0
    while got < head.count {
      let more = try source.read(into: &head, at: got, count: head.count - got)
      if more == 0 { break }
      got += more
    }
    // A file, or the end of an archive without one.
    if got >= 4, head[0] == 0x50, head[1] == 0x4B, [[3, 4], [5, 6]].contains(Array(head[2..<4])) {
      return .zip
    }
    return got == head.count && TarHeader(head) != nil ? .tar : nil
  }

  /// Unpacks the files of an archive into a folder that is there and empty. Throws ``ReadError`` where the
  /// archive cannot be read or holds more than it may; the folder may hold some files then.
  ///
  /// Only regular files and folders are made, with names of our own joining: no path leaves the folder, whatever
  /// the archive says. A link to a file of the archive becomes that file; other links, devices and pipes are
  /// left out.
  public static func unpack(
    _ path: String, into folder: String, limits: Limits = Limits()
  ) throws(ReadError) -> [LeftOut] {
    let output = UnpackedFolder(folder, of: path, limits)
    switch try kind(of: path) {
    case .tar:
      var reader = TarReader(try ByteSource(path: path))
      try reader.unpack(into: output)
    case .zip: try ZipReader(path).unpack(into: output)
    case nil: throw ReadError(path: path, reason: "is no tar or zip archive")
    }
    try output.makeLinks()
    return output.leftOut
  }
}
