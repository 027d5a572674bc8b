internal import Foundation
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

  var machineName: String { machine.map(Report.name) ?? "?" }
}

/// Finds the files of a capture.
///
/// Files below `host*/` belong to a host, below `guest*/` to a guest; the name is what follows the first
/// `-` (`guest-web1` is guest `web1`), or the folder's own name. Links are followed, each directory is
/// entered once.
enum InputFiles {
  static func list(_ paths: [String], machine: Machine?) throws -> [InputFile] {
    let files = SourceInput.grouping(paths.filter { !isDirectory($0) }).map {
      InputFile(input: $0, name: $0.path, machine: machine)
    }
    return try files
      + paths.filter(isDirectory).flatMap { path -> [InputFile] in
        var entered: Set<String> = []
        let files = try walk(path, "", machine: machine, isFixed: machine != nil, &entered)
        guard !files.isEmpty else {
          throw CommandFailure(message: "\(path): is a directory without files")
        }
        return files
      }
  }

  /// Bytes of these files together; 0 where they are not known beforehand.
  static func size(of paths: [String]) -> Int64 {
    paths.reduce(0) { sum, path in
      let attributes = try? FileManager.default.attributesOfItem(atPath: path)
      return sum + (attributes?[.size] as? Int64 ?? 0)
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
    let head = directory.hasSuffix("/") ? directory : directory + "/"
    var files = SourceInput.grouping(names.map { head + $0 }.filter { !isDirectory($0) }).map {
      InputFile(input: $0, name: prefix + $0.path.dropFirst(head.count), machine: machine)
    }
    for name in names where isDirectory(head + name) {
      let own = isFixed ? machine : Self.machine(named: name) ?? machine
      files += try walk(
        head + name, prefix + name + "/", machine: own, isFixed: isFixed, &entered)
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
