/// What is read as one source: a file, the files that blktrace wrote for one device, one per CPU, or those of a directory
/// of `perf record --threads`.
public struct SourceInput: Hashable, Sendable {
  /// The name it is known by: the file's path, or what the paths of a set have in common before
  /// `.blktrace.`.
  public let path: String
  /// The files, for a set in the order of their CPUs.
  public let parts: [String]

  /// A single file; `-` is standard input.
  public init(path: String) {
    self.path = path
    parts = [path]
  }

  private init(stem: String, parts: [String]) {
    path = stem
    self.parts = parts
  }

  /// The bytes of its files as they lie on the disk: how many, and their SHA-256 in hexadecimal, as
  /// ``IngestRun/read(into:)`` computes it.
  public func fingerprint() throws(ReadError) -> (bytes: Int64, sha256: String) {
    var sources: [ByteSource] = []
    for part in parts { sources.append(try ByteSource(path: part)) }
    return try ByteSource.fingerprint(of: sources)
  }

  /// The SHA-256 of so many bytes at its beginning; nil where it has fewer.
  public func fingerprint(ofFirst bytes: Int64) throws(ReadError) -> String? {
    var sources: [ByteSource] = []
    for part in parts { sources.append(try ByteSource(path: part)) }
    let (found, sha256) = try ByteSource.fingerprint(of: sources, upTo: bytes)
    return found == bytes ? sha256 : nil
  }

  /// Sorts files into sources, each where its first file stood. The files of one folder that are named
  /// `DEVICE.blktrace.CPU` (packed or not) and hold blktrace records, or nothing, are one source; of
  /// two files for the same CPU, such as one packed and one not, the second begins another. So are a recording of perf
  /// called `data` and the files `data.N` beside it.
  public static func grouping(_ paths: [String]) -> [SourceInput] {
    groupingPerCPU(withoutPerfParts(paths))
  }

  /// The recordings of perf that are directories, each where its `data` stood, without their other files.
  private static func withoutPerfParts(_ paths: [String]) -> [SourceInput] {
    var parts: [String: [(number: Int, path: String)]] = [:]
    for path in paths {
      let name = path.split(separator: "/", omittingEmptySubsequences: false).last ?? ""
      guard name.hasPrefix("data."), let number = Int(name.dropFirst(5)),
        (0..<1 << 16).contains(number)
      else { continue }
      parts[String(path.dropLast(name.count)), default: []].append((number, path))
    }
    guard !parts.isEmpty else { return paths.map { SourceInput(path: $0) } }
    var taken: Set<String> = []
    var whole: [String: [String]] = [:]
    for (folder, files) in parts {
      let main = folder + "data"
      guard paths.contains(main), isPerfData(main) else { continue }
      whole[main] = [main] + files.sorted { $0.number < $1.number }.map(\.path)
      taken.formUnion(files.map(\.path))
    }
    return paths.filter { !taken.contains($0) }.map { path in
      whole[path].map { SourceInput(stem: path, parts: $0) } ?? SourceInput(path: path)
    }
  }

  private static func isPerfData(_ path: String) -> Bool {
    guard let source = try? ByteSource(path: path) else { return false }
    var input = InputReader(source: source, pieceSize: 1 << 12)
    guard let head = try? input.head() else { return false }
    return PerfHeader.magic(head.span) != nil
  }

  private static func groupingPerCPU(_ all: [SourceInput]) -> [SourceInput] {
    var inputs: [SourceInput] = []
    var sets: [String: [Member]] = [:]
    var stems: [(stem: String, at: Int)] = []
    for input in all {
      let path = input.path
      guard input.parts.count == 1, let member = Member(path), member.isBlktrace() else {
        inputs.append(input)
        continue
      }
      if sets[member.stem] == nil {
        stems.append((member.stem, inputs.count))
        inputs.append(SourceInput(path: path))
      }
      sets[member.stem, default: []].append(member)
    }
    var shift = 0
    for (stem, place) in stems {
      var rounds: [[Member]] = []
      var seen: [Int: Int] = [:]
      for member in sets[stem] ?? [] {
        let round = seen[member.cpu, default: 0]
        seen[member.cpu] = round + 1
        if round == rounds.count { rounds.append([]) }
        rounds[round].append(member)
      }
      let sources = rounds.map { round in
        let parts = round.sorted { $0.cpu < $1.cpu }.map(\.path)
        return parts.count == 1
          ? SourceInput(path: parts[0]) : SourceInput(stem: stem, parts: parts)
      }
      inputs.replaceSubrange(place + shift...place + shift, with: sources)
      shift += sources.count - 1
    }
    return inputs
  }

  /// CPUs below the last one of a set of per-CPU files that have no file, and a sentence about them; nil where the
  /// set is whole, or is no set.
  static func gap(in paths: [String]) -> (files: Int64, words: String)? {
    let members = paths.compactMap(Member.init)
    guard members.count == paths.count, !members.isEmpty else { return nil }
    let cpus = members.map(\.cpu).sorted()
    var missing: [String] = []
    var count = 0
    var next = 0
    for cpu in cpus {
      if cpu > next {
        count += cpu - next
        missing.append(cpu - next == 1 ? "\(next)" : "\(next) to \(cpu - 1)")
      }
      next = cpu + 1
    }
    guard count > 0 else { return nil }
    func list(_ words: [String]) -> String {
      words.prefix(mostNamed).joined(separator: ", ") + (words.count > mostNamed ? ", ..." : "")
    }
    return (
      Int64(count),
      (count == 1 ? "the file of CPU " : "the files of CPUs ") + list(missing)
        + (count == 1 ? " is" : " are") + " missing from the set \(list(cpus.map { "\($0)" }))"
    )
  }

  /// CPUs that the sentence about a gap names.
  private static let mostNamed = 12

  /// A file whose name has the shape of a per-CPU file's.
  private struct Member {
    let path: String
    let stem: String
    let cpu: Int

    /// `run/vdb.blktrace.3`, `run/vdb.blktrace.3.gz`; nil for other names.
    init?(_ path: String) {
      var name = Array(path.utf8)[...]
      let endings = [".gz", ".xz", ".zst", ".bz2"].map(\.utf8)
      if let ending = endings.first(where: { name.suffix($0.count).elementsEqual($0) }) {
        name = name.dropLast(ending.count)
      }
      let digits = name.reversed().prefix { (0x30...0x39).contains($0) }.count
      guard (1...6).contains(digits),
        let cpu = Int(String(decoding: name.suffix(digits), as: UTF8.self))
      else { return nil }
      name = name.dropLast(digits)
      let middle = ".blktrace.".utf8
      guard name.count > middle.count, name.suffix(middle.count).elementsEqual(middle) else {
        return nil
      }
      self.path = path
      stem = String(decoding: name.dropLast(middle.count), as: UTF8.self)
      self.cpu = cpu
    }

    /// Whether it is empty or begins with a record. A file that cannot be opened is left alone: reading
    /// it will say why.
    func isBlktrace() -> Bool {
      guard let source = try? ByteSource(path: path) else { return false }
      var input = InputReader(source: source, pieceSize: 1 << 12)
      guard let head = try? input.head() else { return false }
      return head.isEmpty || BlktraceRecord.Layout(head.span, at: 0) != nil
    }
  }
}
