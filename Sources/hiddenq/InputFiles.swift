internal import Foundation
internal import Glibc
internal import TraceIngest
internal import TraceModel
internal import TraceReport

/// A source to ingest and whose it is.
struct InputFile {
  /// A file, or the per-CPU files of one binary trace.
  let input: SourceInput
  /// Its path without the directory that was given.
  let name: String
  /// nil: nobody said, and its place does not tell.
  let machine: Machine?

  var path: String { input.path }
}

/// The files of a capture.
///
/// Files below `host*/` belong to a host, below `guest*/` to a guest; the name is what follows the first
/// `-` (`guest-web1` is guest `web1`), or the folder's own name. An ``IncidentPlan`` says otherwise. Links
/// are followed, after all that is in the directory itself; each directory is entered once. Devices,
/// sockets and pipes are not opened.
struct InputFiles {
  private(set) var files: [InputFile] = []
  /// What is there and is no file to read, and why.
  private(set) var unused: [(path: String, reason: String)] = []
  /// What the directories' `incident.yaml` say.
  private(set) var plans: [IncidentPlan] = []
  /// Paths in plans that fit nothing.
  private(set) var notes: [String] = []

  /// Lists files as they are named, and directories with all below. A machine that is given holds for all.
  init(_ paths: [String], machine: Machine?) throws {
    files = SourceInput.grouping(paths.filter { !Self.isDirectory($0) }).map {
      InputFile(input: $0, name: $0.path, machine: machine)
    }
    for path in paths where Self.isDirectory(path) {
      let plan = try IncidentPlan(in: path)
      var walk = DirectoryWalk(plan: plan, machine: machine)
      try walk.run(path)
      guard !walk.files.isEmpty || !walk.unused.isEmpty else {
        throw CommandFailure(message: "\(path): is a directory without files")
      }
      if let plan {
        try plan.check(against: walk.files.compactMap(\.machine))
        plans.append(plan)
        if machine == nil { notes += plan.idlePatterns(among: walk.files.map(\.name)) }
      }
      files += walk.files
      unused += walk.unused
    }
  }

  /// The machine of this side, where there is but one.
  func onlyMachine(of layer: Layer) -> Machine? {
    let machines = Set(files.compactMap(\.machine)).filter { $0.layer == layer }
    return machines.count == 1 ? machines.first : nil
  }

  /// Bytes of these files together; 0 where they are not known beforehand.
  static func size(of paths: [String]) -> Int64 {
    paths.reduce(0) { sum, path in
      guard case .file(let size) = Place(path) else { return sum }
      return sum + size
    }
  }

  static func isDirectory(_ path: String) -> Bool {
    if case .directory = Place(path) { true } else { false }
  }
}

/// What a path leads to, links followed.
enum Place {
  case file(size: Int64)
  case directory(Identity)
  /// It is not to be opened, for this reason.
  case closed(String)

  /// A directory under all its names.
  struct Identity: Hashable {
    let device: UInt
    let number: UInt
  }

  init(_ path: String) {
    var status = stat()
    guard unsafe stat(path, &status) == 0 else {
      let code = errno
      switch code {
      case ELOOP: self = .closed("is a link that leads back to itself")
      case ENOENT where Self.isLink(path): self = .closed("is a link to nothing")
      default: self = .closed(unsafe String(cString: strerror(code)))
      }
      return
    }
    self =
      switch status.st_mode & S_IFMT {
      case S_IFREG: .file(size: Int64(status.st_size))
      case S_IFDIR:
        .directory(Identity(device: UInt(status.st_dev), number: UInt(status.st_ino)))
      case S_IFIFO: .closed("is a pipe; it was not opened")
      case S_IFSOCK: .closed("is a socket; it was not opened")
      default: .closed("is a device; it was not opened")
      }
  }

  static func isLink(_ path: String) -> Bool {
    var status = stat()
    return unsafe lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFLNK
  }
}

/// Goes through a directory.
private struct DirectoryWalk {
  let plan: IncidentPlan?
  /// Holds for all files; nil: their places tell.
  let machine: Machine?
  var files: [InputFile] = []
  var unused: [(path: String, reason: String)] = []
  private var entered: Set<Place.Identity> = []
  private var links: [Stop] = []

  /// A directory to go into.
  private struct Stop {
    let path: String
    /// Its path below the root, with a slash at its end.
    let prefix: String
    /// What the folders above say.
    let machine: Machine?
  }

  init(plan: IncidentPlan?, machine: Machine?) {
    self.plan = plan
    self.machine = machine
  }

  mutating func run(_ root: String) throws {
    let names: [String]
    do {
      names = try FileManager.default.contentsOfDirectory(atPath: root)
    } catch {
      throw CommandFailure(message: "\(root): cannot be listed")
    }
    enter(Stop(path: root, prefix: "", machine: nil), names)
    var next = 0
    while next < links.count {
      walk(links[next])
      next += 1
    }
  }

  private mutating func walk(_ stop: Stop) {
    if let names = try? FileManager.default.contentsOfDirectory(atPath: stop.path) {
      enter(stop, names)
    } else {
      unused.append((stop.prefix, "cannot be listed"))
    }
  }

  private mutating func enter(_ stop: Stop, _ names: [String]) {
    guard case .directory(let identity) = Place(stop.path) else { return }
    guard entered.insert(identity).inserted else {
      unused.append((stop.prefix, "is a link to a directory that was read already"))
      return
    }
    let head = stop.path.hasSuffix("/") ? stop.path : stop.path + "/"
    var readable: [String] = []
    var folders: [Stop] = []
    for name in names.sorted() {
      let path = head + name
      switch Place(path) {
      case .file:
        if stop.prefix.isEmpty, name == IncidentPlan.fileName { continue }
        readable.append(path)
      case .closed(let reason): unused.append((stop.prefix + name, reason))
      case .directory:
        let inner = Stop(
          path: path, prefix: stop.prefix + name + "/",
          machine: Self.machine(named: name) ?? stop.machine)
        if Place.isLink(path) { links.append(inner) } else { folders.append(inner) }
      }
    }
    for input in SourceInput.grouping(readable) {
      let first = input.parts[0].dropFirst(head.count)
      files.append(
        InputFile(
          input: input, name: stop.prefix + input.path.dropFirst(head.count),
          machine: machine ?? plan?.machine(of: stop.prefix + first) ?? stop.machine))
    }
    for folder in folders { walk(folder) }
  }

  /// The machine that a folder's name says.
  private static func machine(named folder: String) -> Machine? {
    for layer in Layer.allCases where folder.hasPrefix(layer.rawValue) {
      let name = folder.firstIndex(of: "-").map { String(folder[folder.index(after: $0)...]) }
      return Machine(name: name.flatMap { $0.isEmpty ? nil : $0 } ?? folder, layer: layer)
    }
    return nil
  }
}
