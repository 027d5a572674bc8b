internal import TraceModel

/// What `ethtool -S` prints for an interface:
///
///     NIC statistics:
///          rx_queue_0_packets: 116
///          rx0_kicks: 14623
///
/// The text does not name the interface. A command line before it does (`# ethtool -S eth0`); else tables
/// are told apart by their place between two dates.
struct EthtoolStatistics: CounterFormat {
  let name = "ethtool"
  let producedBy =
    "while sleep 1; do date +%s.%N; echo '# ethtool -S eth0'; ethtool -S eth0; done"
  let goodFor = "drops and kicks of each virtio-net queue in the guest"

  func table() -> any CounterTable { EthtoolTable() }
}

/// Which interface a command is about that somebody wrote before its output:
/// `# ethtool -S eth0`, `root@web1:~# ethtool -g eth0`, `+ ethtool -S ens3`.
private func interface(
  ofCommand command: StaticString, _ bytes: Span<UInt8>, _ start: Int, _ end: Int
) -> Range<Int>? {
  guard let found = bytes.find(command, from: start, end) else { return nil }
  var at = found + command.utf8CodeUnitCount
  bytes.skipBlanks(&at, end)
  let from = at
  while at < end, bytes[at] > 0x20, bytes[at] != UInt8(ascii: ";") { at += 1 }
  return at > from ? from..<at : nil
}

/// Numbers interfaces that have no name by their place between two dates.
private struct InterfaceNames {
  var given: String?
  private var place = 0

  mutating func dateCame() { place = 0 }

  /// The name of the table that begins; `#1`, `#2` when nobody said.
  mutating func next(_ log: CounterLog) -> String {
    // An undated loop over one interface has the same table again and again: place 1 each time.
    place += 1
    defer { given = nil }
    guard let given else {
      log.notices.add(.unnamedObject, count: 1, line: log.line)
      return "#\(place)"
    }
    return given
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
  private var hasDate = false

  func interrupt(_ reason: CounterBreak) {
    if reason == .date {
      names.dateCame()
      hasDate = true
      interface = nil
    }
    if reason != .blank { interface = nil }
  }

  func take(_ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ log: CounterLog) throws -> Bool {
    var at = start
    bytes.skipBlanks(&at, end)
    if let range = TraceIngest.interface(ofCommand: "ethtool -S ", bytes, start, end) {
      names.given = bytes.text(from: range.lowerBound, to: range.upperBound)
      return true
    }
    if bytes.has("NIC statistics", at: at, end) {
      // Without dates every table is a new sample of the same interface, as far as one can see.
      if !hasDate { names.dateCame() }
      let name = names.next(log)
      interface = name
      group = ""
      try log.begin(try log.object("ethtool", .interface, name))
      return true
    }
    if bytes.has("no stats available", at: at, end), end - at == 18 {
      if !hasDate { names.dateCame() }
      let name = names.next(log)
      interface = nil
      try log.begin(try log.object("ethtool", .interface, name))
      log.notices.add(.noCounters, count: 1, line: log.line)
      log.events += 1
      return true
    }
    guard let interface, bytes[start] == 0x20 || bytes[start] == 0x09 else { return false }
    return try row(bytes, at, end, interface, log)
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
      group = bytes.text(from: start, to: colon - 1) + " \(value) "
      return true
    }
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
    let nature: CounterNature = bytes.has("peer_ifindex", at: start, end) ? .level : .total
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
