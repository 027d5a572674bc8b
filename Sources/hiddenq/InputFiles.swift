internal import Foundation
internal import Glibc
internal import TraceIngest
internal import TraceModel
internal import TraceReport

/// A source to ingest and whose it is.
struct InputFile {
  /// A file, or the per-CPU files of one binary trace.
  let input: SourceInput
  /// Its path as the user knows it; below an archive's path for a file of an archive.
  let path: String
  /// The same without the directory that was given.
  let name: String
  /// nil: nobody said, and its place does not tell.
  var machine: Machine?
}

/// What is there and is not used.
struct UnusedFile {
  /// The reason, as far as the summary of many files needs it.
  enum Kind {
    /// It is in no format that is known.
    case foreign
    /// It can be read, but its machine is unknown.
    case ownerless
    /// Anything else.
    case other
  }

  let path: String
  let reason: String
  var kind = Kind.other
}

/// Where files are looked for: a directory, an archive, a file.
struct InputRoot {
  let path: String
  /// Holds for all below; nil: their places tell.
  var machine: Machine?

  /// Its name: that of the folder also for `.`, without the ending of an archive.
  var name: String {
    let name = URL(filePath: path).standardizedFileURL.lastPathComponent
    if case .file = Place(path) { return Archive.stem(ofName: name) ?? name }
    return name
  }
}

/// The files of a capture.
///
/// Files below `host*/` belong to a host, below `guest*/` to a guest (``MachineNaming``). An ``IncidentPlan``
/// says otherwise. Links are followed, after all that is in the directory itself; each directory is entered
/// once. Devices, sockets and pipes are not opened.
struct InputFiles {
  private(set) var files: [InputFile] = []
  /// What is there and is no file to read, and why.
  private(set) var unused: [UnusedFile] = []
  /// What the directories' `incident.yaml` say.
  private(set) var plans: [IncidentPlan] = []
  /// Paths in plans that fit nothing.
  private(set) var notes: [String] = []

  /// Lists files as they are named, and directories with all below. A machine that is given holds for all.
  init(_ paths: [String], machine: Machine?) throws {
    files = SourceInput.grouping(paths.filter { !Self.isDirectory($0) }).map {
      InputFile(input: $0, path: $0.path, name: $0.path, machine: machine)
    }
    for path in paths where Self.isDirectory(path) {
      try add(InputRoot(path: path, machine: machine), label: "", space: nil, excluding: nil)
    }
  }

  /// Lists what is below directories and in archives, which are unpacked into a space. The directory that is
  /// excluded is not entered: the results of an earlier run may lie there.
  init(_ roots: [InputRoot], unpackingInto space: UnpackingSpace, excluding: String) throws {
    for root in roots {
      let label = roots.count > 1 ? root.name + "/" : ""
      switch Place(root.path) {
      case .directory: try add(root, label: label, space: space, excluding: excluding)
      case .closed(let reason): throw CommandFailure(message: "\(root.path): \(reason)")
      case .file where Archive.isArchive(root.path):
        try add(root, label: label, space: space, excluding: nil)
      case .file:
        guard let machine = root.machine ?? Self.machine(ofLoneFile: root) else {
          throw CommandFailure(
            message:
              "\(root.path): is a file, expected a directory or an archive (tar, zip); put it below "
              + "guest-NAME/ or host-NAME/ in a directory, or run 'hiddenq analyze --guest FILE --host "
              + "FILE'")
        }
        files.append(
          InputFile(
            input: SourceInput(path: root.path), path: root.path, name: root.path,
            machine: machine))
      }
    }
  }

  private mutating func add(
    _ root: InputRoot, label: String, space: UnpackingSpace?, excluding: String?
  ) throws {
    var walk = DirectoryWalk(root, label: label, space: space, excluding: excluding)
    try walk.run()
    guard !walk.files.isEmpty || !walk.unused.isEmpty else {
      throw CommandFailure(
        message:
          "\(root.path): is a directory without files; expected guest*/ and host*/ with traces in "
          + "them, which 'hiddenq capture' records")
    }
    if let plan = walk.plan {
      try plan.check(against: walk.files.compactMap(\.machine))
      plans.append(plan)
      if root.machine == nil { notes += plan.idlePatterns(among: walk.planned) }
    }
    files += walk.files
    unused += walk.unused
  }

  /// The machine of a file that is given by itself, where its format says enough: `analyze esxtop.csv`.
  private static func machine(ofLoneFile root: InputRoot) -> Machine? {
    guard let run = try? IngestRun(input: SourceInput(path: root.path)), run.standsAlone,
      let layer = run.readBy
    else { return nil }
    let said = MachineNaming.machine(ofFile: root.name)
    return said?.layer == layer ? said : Machine(name: layer.rawValue, layer: layer)
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

/// Goes through a directory, or through what an archive holds.
private struct DirectoryWalk {
  private(set) var plan: IncidentPlan?
  private(set) var files: [InputFile] = []
  private(set) var unused: [UnusedFile] = []
  /// The paths of the files as the plan has them.
  private(set) var planned: [String] = []

  private let root: InputRoot
  /// What stands before the names of files, where several directories are read.
  private let label: String
  private let space: UnpackingSpace?
  /// A directory that is not entered and not named.
  private let excluded: Place.Identity?
  private var entered: Set<Place.Identity> = []
  private var links: [Stop] = []

  /// Folders of the trees that tools like sosreport copy: names below them are the system's.
  private static let systemFolders: Set<String> = [
    "sos_commands", "sys", "proc", "etc", "var", "run", "usr", "lib", "dev", "boot",
  ]

  /// A directory to go into.
  private struct Stop {
    let path: String
    /// Its path as the user knows it, with a slash at its end.
    let shown: String
    /// Its path below the root, with a slash at its end.
    let prefix: String
    /// What the folders above say.
    var machine: Machine?
    /// Archives in it stay as they are.
    var isInArchive = false
    /// Names of folders in it are ignored.
    var isSystem = false
    /// The folders in it are of machines of this side.
    var layerOfFolders: Layer?
    /// It is called `guest` or `host`: the folders in it may be of machines.
    var ownLayer: Layer?
  }

  init(_ root: InputRoot, label: String, space: UnpackingSpace?, excluding: String?) {
    (self.root, self.label, self.space) = (root, label, space)
    if let excluding, case .directory(let identity) = Place(excluding) {
      excluded = identity
    } else {
      excluded = nil
    }
  }

  mutating func run() throws {
    var first = try top()
    first.layerOfFolders = MachineNaming.layer(ofFoldersIn: root.name)
    plan = try IncidentPlan(in: first.path, shownAs: first.shown)
    let names: [String]
    do {
      names = try FileManager.default.contentsOfDirectory(atPath: first.path)
    } catch {
      throw CommandFailure(message: "\(root.path): cannot be listed")
    }
    enter(first, names)
    var next = 0
    while next < links.count {
      walk(links[next])
      next += 1
    }
    // One machine's folder given by itself.
    if root.machine == nil, !files.contains(where: { $0.machine != nil }),
      let machine = MachineNaming.machine(ofRoot: root.name)
    {
      for index in files.indices { files[index].machine = machine }
    }
  }

  /// Where to begin: in the directory, or in what an archive holds, below its only folder if that is nobody's.
  private mutating func top() throws -> Stop {
    let slashed = root.path.hasSuffix("/") ? root.path : root.path + "/"
    guard case .file = Place(root.path), let space else {
      return Stop(path: root.path, shown: slashed, prefix: "", machine: nil)
    }
    let (folder, leftOut) = try space.unpack(root.path)
    unused += leftOut.map { UnusedFile(path: label + $0.path, reason: $0.reason) }
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    if names.count == 1, InputFiles.isDirectory("\(folder)/\(names[0])"),
      MachineNaming.machine(ofFolder: names[0]) == nil
    {
      return Stop(
        path: "\(folder)/\(names[0])", shown: "\(slashed)\(names[0])/", prefix: "", machine: nil,
        isInArchive: true)
    }
    return Stop(path: folder, shown: slashed, prefix: "", machine: nil, isInArchive: true)
  }

  private mutating func walk(_ stop: Stop) {
    if let names = try? FileManager.default.contentsOfDirectory(atPath: stop.path) {
      enter(stop, names)
    } else {
      leaveOut(stop.prefix, "cannot be listed")
    }
  }

  private mutating func leaveOut(_ path: String, _ reason: String) {
    unused.append(UnusedFile(path: label + path, reason: reason))
  }

  private mutating func enter(_ outer: Stop, _ names: [String]) {
    var stop = outer
    guard case .directory(let identity) = Place(stop.path) else { return }
    guard entered.insert(identity).inserted else {
      leaveOut(stop.prefix, "is a link to a directory that was read already")
      return
    }
    let head = stop.path.hasSuffix("/") ? stop.path : stop.path + "/"
    if let layer = stop.ownLayer, holdsMachines(head, names) { stop.layerOfFolders = layer }
    if root.machine == nil, stop.machine == nil,
      let machine = BundleMachine.machine(ofFolder: stop.path, names)
    {
      (stop.machine, stop.isSystem) = (machine, true)
    }
    var readable: [String] = []
    var folders: [Stop] = []
    for name in names.sorted() {
      let path = head + name
      switch Place(path) {
      case .file:
        if stop.prefix.isEmpty, name == IncidentPlan.fileName { continue }
        if Archive.stem(ofName: name) != nil, Archive.isArchive(path) {
          if let folder = unpack(path, name, in: stop) { folders.append(folder) }
        } else {
          readable.append(path)
        }
      case .closed(let reason): leaveOut(stop.prefix + name, reason)
      case .directory(let identity):
        // Our own results.
        if identity == excluded || UnpackingSpace.isOne(name) { continue }
        let inner = inside(stop, path, name, name)
        if Place.isLink(path) { links.append(inner) } else { folders.append(inner) }
      }
    }
    for input in SourceInput.grouping(readable) {
      let first = String(input.parts[0].dropFirst(head.count))
      let name = String(input.path.dropFirst(head.count))
      planned.append(stop.prefix + name)
      files.append(
        InputFile(
          input: input, path: stop.shown + name, name: label + stop.prefix + name,
          machine: root.machine ?? plan?.machine(of: stop.prefix + first) ?? stop.machine
            ?? MachineNaming.machine(ofFile: first)))
    }
    for folder in folders { walk(folder) }
  }

  /// Whether a folder has several folders that are called as machines are, and nothing besides: `guest/web1`,
  /// `guest/web2`. What a machine's own folder has (`guest/blkparse`, `guest/proc`, `guest/before`) is of one machine.
  private func holdsMachines(_ head: String, _ names: [String]) -> Bool {
    let stems = names.filter { !$0.hasPrefix(".") }.map { name -> String? in
      if InputFiles.isDirectory(head + name) { return name }
      return space == nil ? nil : Archive.stem(ofName: name)
    }
    return stems.count > 1
      && stems.allSatisfy { stem in
        stem.map { !Self.systemFolders.contains($0) && MachineNaming.isName($0) } ?? false
      }
  }

  /// A folder in a folder, by its name, and its name without the ending of an archive.
  private func inside(_ stop: Stop, _ path: String, _ name: String, _ stem: String) -> Stop {
    var machine = stop.machine
    if !(stop.isSystem && stop.machine != nil) {
      machine =
        stop.layerOfFolders.flatMap { MachineNaming.machine(ofFolder: stem, in: $0) }
        ?? MachineNaming.machine(ofFolder: stem) ?? stop.machine
    }
    return Stop(
      path: path, shown: stop.shown + name + "/", prefix: stop.prefix + name + "/",
      machine: machine,
      isInArchive: stop.isInArchive, isSystem: stop.isSystem || Self.systemFolders.contains(name),
      layerOfFolders: stop.machine == nil ? MachineNaming.layer(ofFoldersIn: stem) : nil,
      ownLayer: stop.machine == nil ? MachineNaming.layer(named: stem) : nil)
  }

  /// Unpacks an archive that lies in a directory; nil, and noted, where that is not done.
  private mutating func unpack(_ path: String, _ name: String, in stop: Stop) -> Stop? {
    guard let space, !stop.isInArchive else {
      leaveOut(
        stop.prefix + name,
        stop.isInArchive
          ? "is an archive in an archive; unpack the outer one and give the folder"
          : "is an archive; 'hiddenq analyze' unpacks it")
      return nil
    }
    do {
      let (folder, leftOut) = try space.unpack(path)
      for entry in leftOut { leaveOut("\(stop.prefix)\(name)/\(entry.path)", entry.reason) }
      var inner = inside(stop, folder, name, Archive.stem(ofName: name) ?? name)
      inner.isInArchive = true
      return inner
    } catch {
      leaveOut(stop.prefix + name, Exit.sentence(for: error))
      return nil
    }
  }
}
