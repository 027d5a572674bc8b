internal import TraceModel

/// What `ethtool -S` prints for an interface:
///
///     NIC statistics:
///          rx_queue_0_packets: 116
///          rx0_kicks: 14623
///
/// The text does not name the interface. A command line before it does (`# ethtool -S eth0`), also where only some
/// lines were kept (`# ethtool -S eth0 | grep drop`), or the file's name (`ethtool_-S_eth0`); else tables are told
/// apart by their place between two dates, and without dates each is another thing.
struct EthtoolStatistics: CounterFormat {
  let name = "ethtool"
  let producedBy =
    "while sleep 1; do date +%s.%N; echo '# ethtool -S eth0'; ethtool -S eth0; done"
  let goodFor = "drops and kicks of each virtio-net queue in the guest"

  func table() -> any CounterTable { EthtoolTable() }
}

/// Which interface a command is about that somebody wrote before its output:
/// `# ethtool -S eth0`, `root@web1:~# ethtool -g eth0`, `+ ethtool -S ens3`, `# ethtool -S eth0 | grep drop`.
private func interface(
  ofCommand command: StaticString, _ bytes: Span<UInt8>, _ start: Int, _ end: Int
) -> Range<Int>? {
  guard let found = bytes.find(command, from: start, end) else { return nil }
  var at = found + command.utf8CodeUnitCount
  bytes.skipBlanks(&at, end)
  if at < end, isQuote(bytes[at]) { at += 1 }
  let from = at
  while at < end, bytes[at] > 0x20, !isQuote(bytes[at]), !isEndOfCommand(bytes[at]) { at += 1 }
  // `+ ethtool -S $i`: the text of a script.
  return at > from && bytes[from] != UInt8(ascii: "$") ? from..<at : nil
}

private func isQuote(_ byte: UInt8) -> Bool {
  byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'")
}

private func isEndOfCommand(_ byte: UInt8) -> Bool {
  switch byte {
  case UInt8(ascii: ";"), UInt8(ascii: "|"), UInt8(ascii: "&"), UInt8(ascii: ">"),
    UInt8(ascii: ")"), UInt8(ascii: "`"), UInt8(ascii: "]"):
    true
  default: false
  }
}

/// The interface that a file is named after.
enum InterfaceInFileName {
  /// `ethtool_-S_ens3`, `ethtool-S-eth0.txt`, `ethtool_eth0.log`, `eth0-ethtool.txt`: the interface; nil where
  /// the name has none.
  static func name(_ path: String) -> String? {
    var name = path.split(separator: "/").last ?? ""
    // As a sosreport names the output of its commands: what follows can be nothing else.
    if name.hasPrefix("ethtool_-S_"), !name.contains(".") {
      let interface = name.dropFirst("ethtool_-S_".count)
      return !interface.isEmpty && interface.utf8.count <= 15 ? String(interface) : nil
    }
    for ending in [".gz", ".xz", ".bz2", ".zst", ".txt", ".log", ".out"]
    where name.hasSuffix(ending) {
      name = name.dropLast(ending.count)
    }
    func behindMarks(_ text: Substring) -> Substring? {
      text.first.map(isMark) == true ? text.drop(while: isMark) : nil
    }
    if name.hasPrefix("ethtool") {
      guard var word = behindMarks(name.dropFirst("ethtool".count)) else { return nil }
      for option in ["statistics", "stats", "S"] where word.hasPrefix(option) {
        word = behindMarks(word.dropFirst(option.count)) ?? word
      }
      return isUsual(word) ? String(word) : nil
    }
    guard let found = name.firstRange(of: "ethtool") else { return nil }
    let before = name[..<found.lowerBound]
    let interface = before.prefix(before.reversed().drop(while: isMark).count)
    return interface.count < before.count && isUsual(interface) ? String(interface) : nil
  }

  private static func isMark(_ character: Character) -> Bool { "_-. ".contains(character) }

  private static func isUsual(_ word: some StringProtocol) -> Bool {
    ThingLabel.isInterface(word)
  }
}

/// Numbers interfaces that have no name by their place between two dates.
private struct InterfaceNames {
  var given: String?
  /// The interface by the file's name.
  var ofFile: String?
  private var place = 0

  mutating func dateCame() { place = 0 }

  /// The name of the table that begins; `#1`, `#2` when nobody said.
  mutating func next(_ log: CounterLog) -> String {
    place += 1
    defer { given = nil }
    if let name = given ?? ofFile { return name }
    log.notices.add(.unnamedObject, count: 1, line: log.line)
    return "#\(place)"
  }
}

private final class EthtoolTable: CounterTable {
  private var names = InterfaceNames()
  private var interface: String?
  /// `Tx Queue 0 ` below vmxnet3's heading `Tx Queue#: 0`: its names repeat for each queue.
  private var group = ""
  private var known = NameTable()
  /// Object and counter for each name of this interface.
  private var targets: [(queue: String?, counter: Int32, nature: CounterNature)] = []
  /// The date before the line that began the last table, where every line has one.
  private var lastPrefix: Int64?
  /// A command named the interface, and no table has begun: its rows may follow without their title.
  private var isAwaited = false

  func begin(path: String) { names.ofFile = InterfaceInFileName.name(path) }

  func announce(interface: String) { names.given = interface }

  func interrupt(_ reason: CounterBreak) {
    if reason == .date { names.dateCame() }
    if reason != .blank {
      interface = nil
      isAwaited = false
    }
  }

  func take(_ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ log: CounterLog) throws -> Bool {
    var at = start
    bytes.skipBlanks(&at, end)
    if let range = TraceIngest.interface(ofCommand: "ethtool -S ", bytes, start, end)
      ?? TraceIngest.interface(ofCommand: "ethtool --statistics ", bytes, start, end)
    {
      let name = bytes.text(from: range.lowerBound, to: range.upperBound)
      names.given = name
      interface = name
      group = ""
      isAwaited = true
      return true
    }
    if bytes.has("NIC statistics", at: at, end) {
      try open(log)
      return true
    }
    if bytes.has("no stats available", at: at, end), end - at == 18 {
      try open(log)
      interface = nil
      log.notices.add(.noCounters, count: 1, line: log.line)
      log.events += 1
      return true
    }
    guard let interface, bytes[start] == 0x20 || bytes[start] == 0x09 else { return false }
    return try row(bytes, at, end, interface, log)
  }

  /// A table begins.
  private func open(_ log: CounterLog) throws {
    if let prefix = log.prefix?.nanoseconds {
      if let last = lastPrefix, (prefix &- last).magnitude >= 500_000_000 { names.dateCame() }
      lastPrefix = prefix
    }
    let name = names.next(log)
    interface = name
    group = ""
    isAwaited = false
    try log.begin(try log.object("ethtool", .interface, name))
  }

  /// `rx_queue_0_packets: 116`, `[0]: rx_packets: 1`, `rxq0: rx_pkts: 5000000`: the name goes up to the
  /// last colon.
  private func row(
    _ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ interface: String, _ log: CounterLog
  ) throws -> Bool {
    var colon = end - 1
    while colon > start, bytes[colon] != UInt8(ascii: ":") { colon -= 1 }
    guard colon > start else { return false }
    var at = colon + 1
    bytes.skipBlanks(&at, end)
    guard let value = bytes.wholeNumber(at..<end) else {
      // More than Int64 holds, or a driver's text: `Tx Queue#: 0` headings of vmxnet3 have numbers.
      if bytes.isNumber(at..<end) {
        log.notices.add(.impossibleValue, count: 1, line: log.line)
        return true
      }
      return false
    }
    if bytes.has("Queue#", at: colon - 6, colon) {
      if isAwaited { try open(log) }
      group = bytes.text(from: start, to: colon - 1) + " \(value) "
      return true
    }
    if isAwaited { try open(log) }
    let target: (queue: String?, counter: Int32, nature: CounterNature)
    if !group.isEmpty {
      let name = group + bytes.text(from: start, to: colon)
      target = (nil, try log.counter(name, Self.unit(name)), .total)
    } else if let number = known.value(bytes, from: start, to: colon) {
      target = targets[Int(number)]
    } else {
      target = try Self.target(bytes, start, colon, log)
      known.insert(Int32(targets.count), for: bytes, from: start, to: colon)
      targets.append(target)
    }
    let object =
      try target.queue.map { try log.object("ethtool", .queue, "\(interface) \($0)") }
      ?? log.object("ethtool", .interface, interface)
    try log.add(object, target.counter, value, target.nature)
    log.events += 1
    return true
  }

  /// virtio_net's queue counters, old and new: `rx_queue_3_drops`, `rx3_drops`. The rest belongs to the
  /// interface.
  private static func target(
    _ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ log: CounterLog
  ) throws -> (queue: String?, counter: Int32, nature: CounterNature) {
    let isReceive = bytes.has("rx", at: start, end)
    let nature = nature(bytes, start, end)
    if isReceive || bytes.has("tx", at: start, end) {
      var at = start + 2
      if bytes.has("_queue_", at: at, end) { at += 7 }
      if let queue = bytes.decimal(&at, end), at + 1 < end, bytes[at] == UInt8(ascii: "_") {
        let name = bytes.text(from: at + 1, to: end)
        let counter = try log.counter(name, unit(name), nature)
        return ("\(isReceive ? "rx" : "tx") \(queue)", counter, nature)
      }
    }
    let name = bytes.text(from: start, to: end)
    return (nil, try log.counter(name, unit(name), nature), nature)
  }

  /// `peer_ifindex`, `conntrack_allowance_available`: what there is, not what was counted.
  private static func nature(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> CounterNature {
    let levels: [StaticString] = [
      "peer_ifindex", "_available", "temperature", "_current", "_speed", "_in_use", "_remaining",
      "_posted_desc", "_completed_desc", "fill_cnt",
    ]
    for level in levels where bytes.find(level, from: start, end) != nil { return .level }
    return .total
  }

  private static func unit(_ name: String) -> CounterUnit {
    name.hasSuffix("bytes") || name.hasSuffix("octets") ? .bytes : .count
  }
}

/// What `ethtool -g` prints: how many buffers the rings of an interface have, and could have.
///
///     Ring parameters for eth0:
///     Pre-set maximums:
///     RX:             256
///     Current hardware settings:
///     RX:             256
struct EthtoolRing: CounterFormat {
  let name = "ethtool-ring"
  let producedBy = "ethtool -g eth0"
  let goodFor = "the size of the rings that drops are measured against"

  func table() -> any CounterTable { EthtoolRingTable() }
}

private final class EthtoolRingTable: CounterTable {
  private var interface: Int32?
  private var prefix = ""

  func interrupt(_ reason: CounterBreak) { if reason != .blank { interface = nil } }

  func take(_ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ log: CounterLog) throws -> Bool {
    if bytes.has("Ring parameters for ", at: start, end) {
      let last = bytes[end - 1] == UInt8(ascii: ":") ? end - 1 : end
      let name = bytes.text(from: start + 20, to: last)
      let object = try log.object("ethtool -g", .interface, name)
      try log.begin(object)
      interface = object
      prefix = ""
      return true
    }
    if TraceIngest.interface(ofCommand: "ethtool -g ", bytes, start, end) != nil { return true }
    guard let interface else { return false }
    if bytes.has("Pre-set maximums:", at: start, end) {
      prefix = "maximum "
      return true
    }
    if bytes.has("Current hardware settings:", at: start, end) {
      prefix = "current "
      return true
    }
    guard !prefix.isEmpty, let colon = bytes.find(":", from: start, end) else { return false }
    let keys: [StaticString] = [
      "RX", "RX Mini", "RX Jumbo", "TX", "RX Buf Len", "CQE Size", "TX Push", "RX Push",
      "TX push buff len", "TCP data split", "HDS thresh",
    ]
    var isKnown = false
    for key in keys where bytes.equals(key, start..<colon) { isKnown = true }
    guard isKnown else { return false }
    log.events += 1
    var at = colon + 1
    bytes.skipBlanks(&at, end)
    // `n/a`, `off`: not there.
    guard let value = bytes.wholeNumber(at..<end) else { return true }
    let counter = try log.counter(
      prefix + bytes.text(from: start, to: colon), .count, .level)
    try log.add(interface, counter, value, .level)
    return true
  }
}
