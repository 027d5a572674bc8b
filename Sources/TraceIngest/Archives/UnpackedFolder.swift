internal import Glibc

/// The folder into which an archive is unpacked: takes entries, keeps to the limits, and lets no path out.
final class UnpackedFolder {
  private(set) var leftOut: [Archive.LeftOut] = []

  private let root: String
  private let archive: String
  private let limits: Archive.Limits
  /// Bytes that may be unpacked, and those of them that are left.
  private let allowed: Int64
  private var budget: Int64
  private var entries = 0
  private var files: Set<String> = []
  private var folders: Set<String> = [""]
  private var links: [(path: String, target: String)] = []
  /// The file that is being written; nil: what comes is left out.
  private var current: (path: String, descriptor: Int32)?

  init(_ root: String, of archive: String, _ limits: Archive.Limits) {
    (self.root, self.archive, self.limits) = (root, archive, limits)
    var status = stat()
    let packed = unsafe stat(archive, &status) == 0 ? Int64(status.st_size) : 0
    let (grown, overflow) = packed.multipliedReportingOverflow(by: limits.ratio)
    let most = grown.addingReportingOverflow(limits.slack)
    allowed = overflow || most.overflow ? limits.bytes : min(limits.bytes, most.partialValue)
    budget = allowed
  }

  deinit { discard() }

  /// Notes an entry that is not unpacked.
  func leaveOut(_ path: String, _ reason: String) {
    leftOut.append(Archive.LeftOut(path: path, reason: reason))
  }

  /// Counts an entry, whatever it is.
  func count() throws(ReadError) {
    entries += 1
    guard entries <= limits.entries else {
      throw ReadError(
        path: archive,
        reason:
          "holds more than the \(limits.entries) entries allowed; unpack it and give the folder")
    }
  }

  /// Counts bytes that come out of the archive, also those that are left out.
  func spend(_ bytes: Int) throws(ReadError) {
    budget -= Int64(bytes)
    guard budget >= 0 else {
      throw ReadError(
        path: archive,
        reason:
          "unpacks to more than the \(allowed >> 20) MiB allowed for an archive of its size; unpack it "
          + "and give the folder")
    }
  }

  /// Begins a file; what ``write(_:count:)`` gets until ``end()`` is its content.
  func begin(_ path: String) throws(ReadError) {
    discard()
    guard let inner = inside(path) else { return }
    guard !inner.isEmpty, !folders.contains(inner) else {
      return leaveOut(path, "has the name of a folder")
    }
    guard try makeFolders(for: inner, of: path) else { return }
    // A later entry of a name takes the place of an earlier one.
    if files.contains(inner) { unsafe _ = unlink("\(root)/\(inner)") }
    let opened = unsafe open(
      "\(root)/\(inner)", O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
    guard opened >= 0 else { return try fail(path) }
    files.insert(inner)
    current = (inner, opened)
  }

  /// Makes the folders above a file; false, and noted, where that cannot be.
  private func makeFolders(for inner: String, of path: String) throws(ReadError) -> Bool {
    var folder = ""
    for name in inner.split(separator: "/").dropLast() {
      folder += folder.isEmpty ? name : "/" + name
      guard !files.contains(folder) else {
        leaveOut(path, "lies in what is a file of the archive, too")
        return false
      }
      if !folders.insert(folder).inserted { continue }
      guard unsafe mkdir("\(root)/\(folder)", 0o700) == 0 || errno == EEXIST else {
        folders.remove(folder)
        try fail(path)
        return false
      }
    }
    return true
  }

  /// A name that cannot be made is left out; a full disk ends it all.
  private func fail(_ path: String) throws(ReadError) {
    let code = errno
    guard code == ENAMETOOLONG || code == EINVAL || code == EILSEQ else {
      throw ReadError(path: archive, errno: code)
    }
    leaveOut(path, unsafe String(cString: strerror(code)))
  }

  /// The next bytes of the file.
  func write(_ bytes: [UInt8], count: Int) throws(ReadError) {
    try spend(count)
    guard let current else { return }
    var at = 0
    while at < count {
      let wrote = unsafe bytes.withUnsafeBytes { buffer in
        unsafe Glibc.write(
          current.descriptor, buffer.baseAddress.map { unsafe $0 + at }, count - at)
      }
      if wrote >= 0 {
        at += wrote
      } else if errno != EINTR {
        throw ReadError(path: archive, errno: errno)
      }
    }
  }

  /// The file is whole.
  func end() {
    if let current { close(current.descriptor) }
    current = nil
  }

  /// The file is not to be used after all.
  func discard() {
    guard let current else { return }
    close(current.descriptor)
    unsafe _ = unlink("\(root)/\(current.path)")
    files.remove(current.path)
    self.current = nil
  }

  /// A link; which file of the archive it leads to is known when all of them are there.
  func link(_ path: String, to target: String, isHard: Bool) {
    guard let inner = inside(path), !inner.isEmpty else { return }
    guard !target.hasPrefix("/") || isHard else {
      return leaveOut(path, "is a link out of the archive")
    }
    // A symbolic link leads on from its folder, a hard one from the root.
    let folder = isHard ? [] : inner.split(separator: "/").dropLast().map(String.init)
    var names = folder
    for name in target.split(separator: "/") where name != "." {
      if name == ".." {
        guard names.popLast() != nil else { return leaveOut(path, "is a link out of the archive") }
      } else {
        names.append(String(name))
      }
    }
    links.append((inner, names.joined(separator: "/")))
  }

  /// Makes links to files of the archive: as files, since what a link leads to can be exchanged.
  func makeLinks() throws(ReadError) {
    let targets = Dictionary(links.map { ($0.path, $0.target) }) { _, last in last }
    for (path, target) in links.map({ ($0.path, $0.target) }) {
      var (end, steps) = (target, 0)
      while !files.contains(end), let next = targets[end], steps < 40 {
        (end, steps) = (next, steps + 1)
      }
      guard files.contains(end), !files.contains(path), !folders.contains(path) else {
        leaveOut(path, "is a link to no file of the archive")
        continue
      }
      guard try makeFolders(for: path, of: path) else { continue }
      guard unsafe Glibc.link("\(root)/\(end)", "\(root)/\(path)") == 0 else {
        try fail(path)
        continue
      }
      files.insert(path)
    }
  }

  /// The path below the root, empty for the root itself; nil, and noted, where it leads elsewhere.
  private func inside(_ path: String) -> String? {
    let names = path.split(separator: "/").filter { $0 != "." }
    if path.hasPrefix("/") || names.contains("..") || path.utf8.contains(0) {
      leaveOut(path, "leads out of the archive's folder; it was not unpacked")
      return nil
    }
    guard names.count <= limits.depth else {
      leaveOut(path, "lies in more than \(limits.depth) folders; it was not unpacked")
      return nil
    }
    return names.joined(separator: "/")
  }
}
