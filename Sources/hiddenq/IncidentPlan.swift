internal import Foundation
internal import TraceIngest
internal import TraceModel
internal import TraceStore
internal import Yams

/// What an `incident.yaml` at the root of a capture says: whose the files are, how disks are called, where a
/// guest's disk lies, how two clocks relate. docs/capture-directory.md describes it.
struct IncidentPlan {
  /// The name of the file.
  static let fileName = "incident.yaml"
  /// A longer file is not one of these.
  private static let mostBytes = 1 << 20

  /// Its path as the user gave it.
  let path: String
  private(set) var machines: [Declared] = []
  private(set) var given = GivenFacts()

  /// A machine and the files that are its own.
  struct Declared {
    let machine: Machine
    let patterns: [(pattern: PathPattern, line: Int)]
  }

  /// Reads the file of a directory, which the user knows by another path (with a slash at its end) where it is out
  /// of an archive; nil when there is none. Throws ``CommandFailure`` with the line.
  init?(in directory: String, shownAs shown: String) throws {
    let own = (directory.hasSuffix("/") ? directory : directory + "/") + Self.fileName
    guard FileManager.default.fileExists(atPath: own) else { return nil }
    let path = shown + Self.fileName
    // Its size first: somebody else made it, and it may be larger than memory.
    let place = URL(filePath: own).resolvingSymlinksInPath()
    let attributes = try? FileManager.default.attributesOfItem(atPath: place.path)
    guard attributes?[.type] as? FileAttributeType == .typeRegular,
      let size = attributes?[.size] as? Int, size <= Self.mostBytes,
      let data = try? Data(contentsOf: place)
    else {
      throw CommandFailure(message: "\(path): cannot be read, or is larger than 1 MiB")
    }
    try self.init(text: String(decoding: data, as: UTF8.self), path: path)
  }

  /// Reads its text.
  init(text: String, path: String) throws {
    self.path = path
    let document = try PlanDocument(text: text, path: path)
    guard let root = document.root else { return }
    let sections = try document.mapping(
      root, keys: ["machines", "devices", "mapping", "clocks", "symptom"], what: "the file")
    if let node = sections["machines"] { machines = try document.machines(node) }
    let names = try sections["devices"].map { try document.devices($0) } ?? []
    given.devices = names
    if let node = sections["mapping"] { given.extents = try document.extents(node, names) }
    if let node = sections["clocks"] { given.clocks = try document.clocks(node) }
    given.symptom = try sections["symptom"].map { try document.symptom($0) }
  }

  /// The machine of a file: that of the first pattern that fits its path below the directory.
  func machine(of path: String) -> Machine? {
    machines.first { $0.patterns.contains { $0.pattern.matches(path) } }?.machine
  }

  /// Patterns that no file fits.
  func idlePatterns(among paths: [String]) -> [String] {
    machines.flatMap { declared in
      declared.patterns.filter { entry in !paths.contains { entry.pattern.matches($0) } }.map {
        "\(path):\($0.line): '\($0.pattern.text)' of \(declared.machine.name) fits no file"
      }
    }
  }

  /// Refuses facts about machines that neither the file nor a folder names, or names otherwise.
  func check(against others: [Machine]) throws {
    let known = machines.map(\.machine) + others
    for (name, layer, line) in given.mentions {
      guard let machine = known.first(where: { $0.name == name }) else {
        let names = Set(known.map(\.name)).sorted().joined(separator: ", ")
        throw CommandFailure(
          message: "\(path):\(line): there is no machine '\(name)' (there are: \(names)); "
            + "declare it under 'machines'")
      }
      if let layer, machine.layer != layer {
        throw CommandFailure(
          message: "\(path):\(line): '\(name)' is a \(machine.layer.rawValue), expected a "
            + layer.rawValue)
      }
    }
  }
}

/// A path below a directory: a folder and all in it, a file, or with `*`, `?` and `**` several.
struct PathPattern {
  /// As it was written.
  let text: String
  private let parts: [[Character]]
  private let isFolder: Bool

  /// nil: it leads out of the directory, or nowhere.
  init?(_ text: String) {
    var parts = text.split(separator: "/", omittingEmptySubsequences: true).map { Array($0) }
    parts.removeAll { $0 == ["."] }
    guard !text.hasPrefix("/"), !parts.isEmpty, !parts.contains(Array("..")) else { return nil }
    self.text = text
    self.parts = parts
    isFolder = text.hasSuffix("/")
  }

  /// Whether a path is meant, or lies in a folder that is meant.
  func matches(_ path: String) -> Bool {
    let path = path.split(separator: "/").map { Array($0) }
    return Self.matches(parts[...], path[...], mustGoOn: isFolder)
  }

  /// Folder by folder; what is left of the path lies below what the pattern means.
  private static func matches(
    _ parts: ArraySlice<[Character]>, _ path: ArraySlice<[Character]>, mustGoOn: Bool
  ) -> Bool {
    guard let part = parts.first else { return !(mustGoOn && path.isEmpty) }
    if part == ["*", "*"] {
      return (path.startIndex...path.endIndex).contains {
        matches(parts.dropFirst(), path[$0...], mustGoOn: mustGoOn)
      }
    }
    guard let name = path.first, fits(part, name) else { return false }
    return matches(parts.dropFirst(), path.dropFirst(), mustGoOn: mustGoOn)
  }

  /// One name against `*` and `?`, going back to the last `*` only.
  private static func fits(_ pattern: [Character], _ name: [Character]) -> Bool {
    var (at, place) = (0, 0)
    var star: (at: Int, place: Int)?
    while place < name.count {
      if at < pattern.count, pattern[at] == "*" {
        star = (at, place)
        at += 1
      } else if at < pattern.count, pattern[at] == "?" || pattern[at] == name[place] {
        at += 1
        place += 1
      } else if let last = star {
        star = (last.at, last.place + 1)
        at = last.at + 1
        place = last.place + 1
      } else {
        return false
      }
    }
    return pattern[at...].allSatisfy { $0 == "*" }
  }
}

/// The YAML of a plan, read strictly: every complaint has its line and says what is expected.
private struct PlanDocument {
  let path: String
  /// nil: the file is empty.
  let root: Node?

  init(text: String, path: String) throws {
    self.path = path
    // An alias can make a small text a huge tree.
    for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated()
    {
      let words = line.prefix { $0 != "#" }.split { " \t,[]{}".contains($0) }
      if let anchor = words.first(where: { $0.hasPrefix("&") }) {
        throw CommandFailure(
          message:
            "\(path):\(number + 1): '\(anchor)' is an anchor; write the value out, or quote it")
      }
    }
    do {
      root = try compose(yaml: text)
    } catch {
      throw CommandFailure(message: Self.sentence(error, path))
    }
  }

  private static func sentence(_ error: any Error, _ path: String) -> String {
    switch error as? YamlError {
    case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
      .composer(_, let problem, let mark, _):
      "\(path):\(mark.line):\(mark.column): \(problem); indent with spaces, quote values that begin "
        + "with * & [ { or hold ': '"
    case .duplicatedKeysInMapping(let names, let context):
      "\(path):\(context.mark.line): '\(names.joined(separator: "', '"))' is said twice; keep one"
    default: "\(path): is no YAML that can be read; it must be UTF-8 text"
    }
  }

  func failure(_ node: Node, _ text: String) -> CommandFailure {
    CommandFailure(message: "\(path):\(node.mark?.line ?? 1): \(text)")
  }

  func line(_ node: Node) -> Int { node.mark?.line ?? 1 }

  /// The values by their keys; only these are allowed.
  func mapping(_ node: Node, keys: [String], what: String) throws -> [String: Node] {
    var values: [String: Node] = [:]
    for (key, value) in try pairs(node, what: what) {
      guard keys.contains(key.name) else {
        throw failure(
          key.node,
          "unknown key '\(key.name)' in \(what); known are: \(keys.joined(separator: ", "))")
      }
      values[key.name] = value
    }
    return values
  }

  private func pairs(_ node: Node, what: String) throws -> [((name: String, node: Node), Node)] {
    guard let mapping = node.mapping else {
      throw failure(node, "\(what) must be 'key: value' lines")
    }
    return try mapping.map { key, value in
      guard let name = key.scalar?.string, !name.isEmpty else {
        throw failure(key, "a key of \(what) must be plain text")
      }
      return ((name, key), value)
    }
  }

  private func list(_ node: Node, what: String) throws -> [Node] {
    guard let sequence = node.sequence else {
      throw failure(node, "\(what) must be a list: lines that begin with '- '")
    }
    return Array(sequence)
  }

  private func text(_ node: Node, what: String) throws -> String {
    guard let text = node.scalar?.string, !text.isEmpty else {
      throw failure(node, "\(what) must be plain text")
    }
    return text
  }

  private func text(_ key: String, of values: [String: Node], in node: Node, what: String) throws
    -> String
  {
    guard let value = values[key] else { throw failure(node, "\(what) lacks '\(key)'") }
    return try text(value, what: "'\(key)'")
  }

  /// A whole number; `_` may group its digits.
  private func number(
    _ key: String, of values: [String: Node], in node: Node, what: String,
    within range: ClosedRange<Int64>
  ) throws -> Int64 {
    let text = try text(key, of: values, in: node, what: what)
    guard let number = Int64(text.replacing("_", with: "")), range.contains(number) else {
      throw failure(
        values[key] ?? node,
        "'\(key)' is '\(text)', expected a whole number from \(range.lowerBound) to "
          + "\(range.upperBound)")
    }
    return number
  }

  // MARK: Sections

  /// `symptom: 09:30:53..09:31:10`; what it means for the traces only their clocks tell.
  func symptom(_ node: Node) throws -> GivenSymptom {
    let text = try text(node, what: "'symptom'")
    guard let span = WrittenSpan(text) else {
      throw failure(
        node, "'symptom' is '\(text)', expected FROM..TO, each of them as \(GivenTime.forms)")
    }
    return GivenSymptom(span: span.text, path: path, line: line(node))
  }

  func machines(_ node: Node) throws -> [IncidentPlan.Declared] {
    try pairs(node, what: "'machines'").map { key, value in
      let what = "machine '\(key.name)'"
      let values = try mapping(value, keys: ["layer", "paths"], what: what)
      let word = try text("layer", of: values, in: key.node, what: what)
      guard let layer = Layer(rawValue: word) else {
        throw failure(values["layer"] ?? value, "layer is '\(word)', expected guest or host")
      }
      var patterns: [(PathPattern, Int)] = []
      for entry in try values["paths"].map({ try list($0, what: "'paths'") }) ?? [] {
        let text = try text(entry, what: "a path")
        guard let pattern = PathPattern(text) else {
          throw failure(entry, "'\(text)' must be a path below this directory, without '..'")
        }
        patterns.append((pattern, line(entry)))
      }
      return IncidentPlan.Declared(
        machine: Machine(name: key.name, layer: layer),
        patterns: patterns.map { (pattern: $0.0, line: $0.1) })
    }
  }

  /// `web1: {vda: "254,0"}`
  func devices(_ node: Node) throws -> [GivenDevice] {
    try pairs(node, what: "'devices'").flatMap { machine, value in
      try pairs(value, what: "the devices of '\(machine.name)'").map { key, value in
        let text = try text(value, what: "'\(key.name)'")
        guard let device = Self.device(text) else {
          throw failure(value, "'\(text)' is no device; write its numbers in quotes: \"254,0\"")
        }
        return GivenDevice(
          machine: machine.name, name: key.name, device: device, line: line(key.node))
      }
    }
  }

  /// `254,0` or `254:0`, as the block traces write it.
  private static func device(_ text: String) -> String? {
    let parts = text.split(separator: text.contains(":") ? ":" : ",").map { UInt32($0) }
    guard parts.count == 2, let major = parts[0], let minor = parts[1], major < 1 << 12,
      minor < 1 << 20
    else { return nil }
    return "\(major),\(minor)"
  }

  private func device(
    _ key: String, of machine: String, _ values: [String: Node], in node: Node,
    _ names: [GivenDevice]
  ) throws -> String {
    let text = try text(key, of: values, in: node, what: "a mapping")
    if let named = names.first(where: { $0.machine == machine && $0.name == text }) {
      return named.device
    }
    guard let device = Self.device(text) else {
      throw failure(
        values[key] ?? node,
        "'\(text)' is no device of \(machine); write \"major,minor\" or name it under 'devices'")
    }
    return device
  }

  func extents(_ node: Node, _ names: [GivenDevice]) throws -> [GivenDeviceExtent] {
    var extents: [GivenDeviceExtent] = []
    let sectors = 0...BlockEvent.mostSectors
    for entry in try list(node, what: "'mapping'") {
      let values = try mapping(
        entry,
        keys: ["guest", "guest_device", "host", "host_device", "sector_offset", "extents"],
        what: "a mapping")
      let guest = try text("guest", of: values, in: entry, what: "a mapping")
      let host = try text("host", of: values, in: entry, what: "a mapping")
      let guestDevice = try device("guest_device", of: guest, values, in: entry, names)
      let hostDevice = try device("host_device", of: host, values, in: entry, names)
      func extent(_ from: Int64, _ to: Int64, _ sectors: Int64?, _ line: Int) -> GivenDeviceExtent {
        GivenDeviceExtent(
          guest: guest, guestDevice: guestDevice, host: host, hostDevice: hostDevice,
          guestSector: from, hostSector: to, sectors: sectors, line: line)
      }
      var own: [GivenDeviceExtent] = []
      switch (values["sector_offset"], values["extents"]) {
      case (.some, nil):
        let offset = try number(
          "sector_offset", of: values, in: entry, what: "a mapping", within: sectors)
        own.append(extent(0, offset, nil, line(entry)))
      case (nil, let node?):
        for piece in try list(node, what: "'extents'") {
          let what = "an extent"
          let keys = ["guest_sector", "host_sector", "sectors"]
          let values = try mapping(piece, keys: keys, what: what)
          let (from, to, length) = (
            try number("guest_sector", of: values, in: piece, what: what, within: sectors),
            try number("host_sector", of: values, in: piece, what: what, within: sectors),
            try number("sectors", of: values, in: piece, what: what, within: 1...sectors.upperBound)
          )
          guard from + length <= sectors.upperBound, to + length <= sectors.upperBound else {
            throw failure(piece, "the extent ends beyond any disk")
          }
          own.append(extent(from, to, length, line(piece)))
        }
      default:
        throw failure(entry, "a mapping needs either 'sector_offset' or 'extents'")
      }
      for extent in own {
        if let other = extents.first(where: { $0.overlaps(extent) }) {
          throw CommandFailure(
            message:
              "\(path):\(extent.line): sectors of \(guest) \(guestDevice) are mapped already "
              + "at line \(other.line); keep one")
        }
        extents.append(extent)
      }
    }
    return extents
  }

  func clocks(_ node: Node) throws -> [GivenClock] {
    let keys = [
      "machine", "tool_clock", "reference", "reference_tool_clock", "offset_ns", "drift_ppm",
      "error_ns",
    ]
    var clocks: [GivenClock] = []
    for entry in try list(node, what: "'clocks'") {
      let what = "a clock"
      let values = try mapping(entry, keys: keys, what: what)
      var drift = 0.0
      if let node = values["drift_ppm"] {
        let text = try text(node, what: "'drift_ppm'")
        guard let number = Double(text), abs(number) <= 1000 else {
          throw failure(node, "'drift_ppm' is '\(text)', expected a number from -1000 to 1000")
        }
        drift = number
      }
      let clock = GivenClock(
        machine: try text("machine", of: values, in: entry, what: what),
        toolClock: try values["tool_clock"].map { try text($0, what: "'tool_clock'") }
          ?? "blktrace",
        reference: try text("reference", of: values, in: entry, what: what),
        referenceToolClock: try values["reference_tool_clock"].map {
          try text($0, what: "'reference_tool_clock'")
        } ?? "blktrace",
        offset: try number(
          "offset_ns", of: values, in: entry, what: what, within: -(1 << 62)...1 << 62),
        driftPPM: drift,
        error: values["error_ns"] == nil
          ? nil
          : try number(
            "error_ns", of: values, in: entry, what: what, within: 0...Stamp.range.upperBound),
        line: line(entry))
      if let other = clocks.first(where: {
        $0.machine == clock.machine && $0.toolClock == clock.toolClock
      }) {
        throw failure(
          entry, "this clock of \(clock.machine) is given already at line \(other.line); keep one")
      }
      clocks.append(clock)
    }
    return clocks
  }
}

extension GivenFacts {
  /// The machines that the facts are about, what they must be (nil: either), and the line.
  fileprivate var mentions: [(name: String, layer: Layer?, line: Int)] {
    devices.map { ($0.machine, nil, $0.line) }
      + extents.flatMap { [($0.guest, .guest, $0.line), ($0.host, .host, $0.line)] }
      + clocks.flatMap { [($0.machine, nil, $0.line), ($0.reference, nil, $0.line)] }
  }
}
