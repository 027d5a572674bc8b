internal import TraceIngest
internal import TraceModel

/// The machine by the name of a folder, an archive or a file.
///
/// | name | machine |
/// | --- | --- |
/// | `guest-web1`, `GUEST-web1` | guest `web1` |
/// | `guest`, `host2` | guest `guest`, host `host2` |
/// | `web1-guest`, `kvm7_host` | guest `web1`, host `kvm7` |
/// | `web1` in `guests`, `kvm7` in `hosts` | guest `web1`, host `kvm7` |
/// | `web1` beside `web2` in `guest` | guest `web1` |
/// | the file `guest-web1-vmstat.txt`, `web1_guest.txt` | guest `web1` |
/// | the file `guest-blkparse.txt`, `vmstat-guest.txt` | guest `guest` |
enum MachineNaming {
  /// The machine by a folder's name; nil if the name has none.
  static func machine(ofFolder folder: String) -> Machine? {
    let low = folder.lowercased()
    for layer in Layer.allCases where low.hasPrefix(layer.rawValue) {
      let name = folder.firstIndex(of: "-").map { String(folder[folder.index(after: $0)...]) }
      return Machine(name: name.flatMap { $0.isEmpty ? nil : $0 } ?? folder, layer: layer)
    }
    return ending(of: folder)
  }

  /// What the folders in a folder are of: `guests`, `hosts`; nil for any other.
  static func layer(ofFoldersIn folder: String) -> Layer? {
    Layer.allCases.first { folder.lowercased() == $0.rawValue + "s" }
  }

  /// The side that a folder's whole name is: `guest`, `host`.
  static func layer(named folder: String) -> Layer? {
    Layer.allCases.first { folder.lowercased() == $0.rawValue }
  }

  /// Whether a folder beside others may be called so for its machine: not for a tool, a time, or one of several runs.
  static func isName(_ folder: String) -> Bool {
    let word = folder.prefix { $0.isLetter }.lowercased()
    guard name(folder) != nil, !word.isEmpty, !runWords.contains(word) else { return false }
    // `cpu0`, `disk1`
    return !(toolWords.contains(word) && folder.dropFirst(word.count).allSatisfy(\.isNumber))
  }

  /// Words that tell the recordings of one machine apart.
  private static let runWords: Set<String> = [
    "after", "bad", "baseline", "before", "capture", "day", "fast", "first", "good", "incident",
    "new",
    "normal", "numa", "old", "part", "phase", "pass", "run", "second", "slow", "step", "take",
    "try",
  ]

  /// The machine by the name of a folder in `guests` or `hosts`; nil for that of a tool (`guests/blkparse`).
  static func machine(ofFolder folder: String, in layer: Layer) -> Machine? {
    if let machine = machine(ofFolder: folder) { return machine }
    return name(folder).map { Machine(name: $0, layer: layer) }
  }

  /// The same for a name that stands by itself, where `hosting-case` is nobody's: the word must be whole.
  static func machine(ofRoot name: String) -> Machine? {
    let first = name.lowercased().prefix { !"-_.".contains($0) }
    let isMachine = Layer.allCases.contains { layer in
      first.hasPrefix(layer.rawValue)
        && first.dropFirst(layer.rawValue.count).allSatisfy(\.isNumber)
    }
    return isMachine ? machine(ofFolder: name) : ending(of: name)
  }

  /// `web1-guest`, `kvm7_host`.
  private static func ending(of name: String) -> Machine? {
    let low = name.lowercased()
    for layer in Layer.allCases {
      for mark in ["-", "_"] where low.hasSuffix(mark + layer.rawValue) {
        let own = name.dropLast(layer.rawValue.count + 1)
        if !own.isEmpty { return Machine(name: String(own), layer: layer) }
      }
    }
    return nil
  }

  /// The machine by a file's name, for a file that lies in no machine's folder; nil if the name has none.
  static func machine(ofFile file: String) -> Machine? {
    let parts = file.prefix { $0 != "." }.split { $0 == "-" || $0 == "_" }.map(String.init)
    for layer in Layer.allCases {
      if parts.first?.lowercased() == layer.rawValue {
        return Machine(name: name(parts.dropFirst().first) ?? layer.rawValue, layer: layer)
      }
      if parts.last?.lowercased() == layer.rawValue {
        return Machine(name: name(parts.first) ?? layer.rawValue, layer: layer)
      }
    }
    return nil
  }

  /// A part of a file's name that names a machine: not what the file is of.
  private static func name(_ part: String?) -> String? {
    guard let part else { return nil }
    let low = part.lowercased()
    if toolWords.contains(low) || low.wholeMatch(of: device) != nil { return nil }
    return part
  }

  /// `vda`, `nvme0n1`, `dm`, `md127`, `eth0`.
  private static var device: Regex<Substring> {
    /(?:[hsv]d|xvd)[a-z]+\d*|nvme\d+(?:n\d+)?|dm\d*|md\d*|(?:eth|ens|eno|enp|tap|vnet|br|virbr|bond)\d+.*/
  }

  /// Words of tools and of what they print.
  private static let toolWords: Set<String> = Set(
    allFormats.flatMap { $0.name.split(separator: "-").map(String.init) }
      + [
        "blkparse", "block", "disk", "io", "trace", "traces", "ftrace", "kvm", "cpu", "mem",
        "memory",
        "net", "network", "clock", "clocks", "log", "dmesg", "top", "iostat", "mpstat", "pidstat",
        "sar",
        "ethtool", "ip", "tc", "ps", "lsblk", "lscpu", "numactl", "virsh", "qmp", "dmsetup",
        "uptime",
        "free", "sysctl", "notes", "readme", "out", "output", "data", "events", "counters",
        "topology",
      ])
}
