internal import Foundation
internal import TraceModel

/// A file to ingest and whose it is.
struct InputFile {
  let path: String
  /// Its path without the directory that was given.
  let name: String
  /// nil: nobody said, and its place does not tell.
  let machine: Machine?

  var machineName: String { machine.map { "\($0.layer.rawValue) \($0.name)" } ?? "?" }
}

/// Finds the files of a capture.
///
/// Files below `host*/` belong to a host, below `guest*/` to a guest; the name is what follows the first
/// `-` (`guest-web1` is guest `web1`), or the folder's own name. Links are followed, each directory is
/// entered once.
enum InputFiles {
  static func list(_ paths: [String], machine: Machine?) throws -> [InputFile] {
    try paths.flatMap { path -> [InputFile] in
      guard isDirectory(path) else { return [InputFile(path: path, name: path, machine: machine)] }
      var entered: Set<String> = []
      let files = try walk(path, "", machine: machine, isFixed: machine != nil, &entered)
      guard !files.isEmpty else {
        throw CommandFailure(message: "\(path): is a directory without files")
      }
      return files
    }
  }

  static func isDirectory(_ path: String) -> Bool {
    let real = URL(filePath: path).resolvingSymlinksInPath().path
    let type = try? FileManager.default.attributesOfItem(atPath: real)[.type] as? FileAttributeType
    return type == .typeDirectory
  }

  private static func walk(
    _ directory: String, _ prefix: String, machine: Machine?, isFixed: Bool,
    _ entered: inout Set<String>
  ) throws -> [InputFile] {
    let real = URL(filePath: directory).resolvingSymlinksInPath().path
    guard entered.insert(real).inserted else { return [] }
    let names: [String]
    do {
      names = try FileManager.default.contentsOfDirectory(atPath: directory).sorted()
    } catch {
      throw CommandFailure(message: "\(directory): cannot be listed")
    }
    var files: [InputFile] = []
    for name in names {
      let path = directory.hasSuffix("/") ? directory + name : directory + "/" + name
      if isDirectory(path) {
        let own = isFixed ? machine : Self.machine(named: name) ?? machine
        files += try walk(path, prefix + name + "/", machine: own, isFixed: isFixed, &entered)
      } else {
        files.append(InputFile(path: path, name: prefix + name, machine: machine))
      }
    }
    return files
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
