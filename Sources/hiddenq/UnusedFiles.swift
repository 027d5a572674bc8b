internal import TraceModel
internal import TraceReport

/// The lines about files that were not used: each with its reason, or, of a tree like that of sosreport, how
/// many are in which folder.
enum UnusedFiles {
  /// A list that fits into so many lines names every file.
  private static let mostLines = 20
  /// Lines for files that are in no folder's line, each with its reason.
  private static let mostReasonLines = 4
  private static let mostFolders = 5
  private static let mostNames = 3
  /// Files that lie beside in a tree of which hardly any is read.
  private static let fewestOfTree = 100

  /// Whether so many were not used that the capture is a bundle of everything.
  static func areOfTree(_ unused: [UnusedFile]) -> Bool { unused.count >= fewestOfTree }

  /// The list, or nothing where there are no such files.
  static func blocks(_ unused: [UnusedFile], all: Bool) -> [Block] {
    guard !unused.isEmpty else { return [] }
    let heading = Block.heading(
      "Not used: \(Quantity.count(Int64(unused.count))) \(unused.count == 1 ? "file" : "files")")
    let full = [heading] + reasons(of: unused).map { paragraph($0.files.map(\.path), $0.reason) }
    if all || lines(full) <= mostLines { return full }
    return [heading] + summary(unused)
  }

  private static func summary(_ unused: [UnusedFile]) -> [Block] {
    var blocks: [Block] = []
    var (rest, others) = (0, 0)
    for (files, reason) in reasons(of: unused.filter { $0.kind != .foreign }) {
      // Of many the first names them.
      let names = files.prefix(files.count > mostNames ? 1 : mostNames).map(\.path)
      let more = files.count - names.count
      let line = paragraph(names, reason, more: more)
      if lines(blocks + [line]) > mostReasonLines {
        rest += files.count
        others += 1
      } else {
        blocks.append(line)
      }
    }
    if rest > 0 {
      blocks.append(.paragraph("\(count(rest)) not used for \(others) other reasons."))
    }
    let folders = folders(of: unused.filter { $0.kind == .foreign }.map(\.path))
    for (folder, files) in folders.prefix(mostFolders) {
      blocks.append(
        .paragraph(
          Printable.text("\(folder.isEmpty ? "at the top" : folder): ")
            + "\(count(files)) in no format that is read"))
    }
    let hidden = folders.dropFirst(mostFolders)
    if !hidden.isEmpty {
      blocks.append(
        .paragraph(
          "\(hidden.count) other folders: \(count(hidden.reduce(0) { $0 + $1.files })) in no format that "
            + "is read"))
    }
    return blocks + [.paragraph("--all-files lists each of them with its reason.")]
  }

  private static func count(_ files: Int) -> String {
    "\(Quantity.count(Int64(files))) \(files == 1 ? "file" : "files")"
  }

  /// The files by their reasons, the most frequent first.
  private static func reasons(
    of unused: [UnusedFile]
  ) -> [(files: [UnusedFile], reason: String)] {
    Dictionary(grouping: unused, by: \.reason).map { (files: $0.value, reason: $0.key) }
      .sorted { ($0.files.count, $1.reason) > ($1.files.count, $0.reason) }
  }

  private static func paragraph(_ names: [String], _ reason: String, more: Int = 0) -> Block {
    let rest = more > 0 ? " and \(Quantity.count(Int64(more))) more" : ""
    return .paragraph(Printable.text("\(names.joined(separator: ", "))\(rest): \(reason)"))
  }

  private static func lines(_ blocks: [Block]) -> Int {
    TextRenderer.render(blocks).count { $0 == "\n" }
  }

  /// The folders that hold the files, the fullest first: as deep as they are few enough to be named.
  private static func folders(of paths: [String]) -> [(folder: String, files: Int)] {
    let folders = paths.map { $0.split(separator: "/").dropLast() }
    var best: [String: Int] = [:]
    for depth in 1...8 {
      var found: [String: Int] = [:]
      for folder in folders {
        found[folder.prefix(depth).map { $0 + "/" }.joined(), default: 0] += 1
      }
      if depth > 1, found.count > mostFolders || found.count == best.count && found == best {
        break
      }
      best = found
    }
    return best.map { (folder: $0.key, files: $0.value) }
      .sorted { ($0.files, $1.folder) > ($1.files, $0.folder) }
  }
}
