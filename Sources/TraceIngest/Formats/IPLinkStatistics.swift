internal import TraceModel

/// What `ip -s link` prints, with `-s -s` and `-d` too:
///
///     2: eth0@if3: <BROADCAST,UP,LOWER_UP> mtu 1500 qdisc fq_codel state UP ...
///         RX:  bytes packets errors dropped  missed   mcast
///            1234567    8910      0      12       0       0
///         RX errors:  length    crc   frame    fifo overrun
///                          0      0       0       0       0
///
/// The counters are named by the header of their line, since versions differ (`overrun`, `missed`), and
/// never taken by column. `ip -j -s link` prints all in one line; its names are kept as they are.
struct IPLinkStatistics: CounterFormat {
  let name = "ip-link"
  let producedBy = "while sleep 1; do date +%s.%N; ip -s -s link; done"
  let goodFor = "drops at each interface: the tap on the host, eth0 in the guest"

  func table() -> any CounterTable { IPLinkTable() }
}

private final class IPLinkTable: CounterTable {
  private var interface: Int32?
  /// The interface as the text calls it, and as its object is called.
  private var (plain, name) = ("", "")
  /// The index and the address that came first with an object's name. With another one it is another interface, or
  /// the same made anew: nothing tells, so that nothing can be said of what its counters grew by.
  private var identities: [String: (index: Int64, address: String?)] = [:]
  /// A virtual function's own tables follow (`vf 0 ...`): not the interface's.
  private var isVirtualFunction = false
  /// The counters whose values the next line has; nil when none are due.
  private var due: [(counter: Int32, nature: CounterNature)]?
  private var headers = NameTable()
  private var known: [[(counter: Int32, nature: CounterNature)]] = []

  func interrupt(_ reason: CounterBreak) {
    due = nil
    if reason != .blank { interface = nil }
  }

  func take(_ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ log: CounterLog) throws -> Bool {
    if bytes.has("[{", at: start, end) { return try json(bytes, start, end, log) }
    if bytes[start] &- 0x30 < 10 {
      return try interface(bytes, start, end, log)
    }
    guard let interface else { return false }
    guard bytes[start] == 0x20 || bytes[start] == 0x09 else {
      // The rest of a line of details that a terminal has broken.
      return due == nil && bytes.find("gso_max_", from: start, end) != nil
    }
    var at = start
    bytes.skipBlanks(&at, end)
    if let due {
      log.fields.cut(bytes, start, end)
      // A wrapped or broken line is not guessed at.
      guard log.fields.count == due.count else {
        self.due = nil
        return false
      }
      for index in 0..<due.count where !bytes.isNumber(log.fields[index]) {
        if Self.scaled(bytes, log.fields[index]) == nil {
          self.due = nil
          return false
        }
      }
      self.due = nil
      guard !isVirtualFunction else { return true }
      for (index, target) in due.enumerated() {
        guard let value = Self.scaled(bytes, log.fields[index]) else { continue }
        try log.add(interface, target.counter, value, target.nature)
      }
      log.events += 1
      return true
    }
    let isReceive = bytes.has("RX", at: at, end)
    if isReceive || bytes.has("TX", at: at, end),
      bytes.has(":", at: at + 2, end) || bytes.has(" errors:", at: at + 2, end)
    {
      due = try header(bytes, at, end, isReceive: isReceive, log)
      return true
    }
    if bytes.has("vf ", at: at, end) { isVirtualFunction = true }
    if bytes.has("link/ether ", at: at, end), at + 28 <= end {
      try identify(bytes.text(from: at + 11, to: at + 28), log)
    }
    // `link/ether ...`, `altname ...`, `veth addrgenmode ...`, `bridge_slave state ...`
    return bytes[at] | 0x20 &- 0x61 < 26
  }

  /// `[{"ifindex":2,"ifname":"eth0","stats64":{"rx":{"bytes":1234,"dropped":0},"tx":{...}}}]`
  private func json(
    _ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ log: CounterLog
  ) throws -> Bool {
    guard bytes.find("\"stats64\"", from: start, end) != nil else { return false }
    var parser = JSONParser(start..<end)
    guard case .array(let links)? = try parser.next(bytes) else { return false }
    for link in links {
      guard let name = link["ifname"]?.string, let statistics = link["stats64"] else { continue }
      let object = try open(name, index: link["ifindex"]?.integer ?? 0, log)
      if let address = link["address"]?.string { try identify(address, log) }
      let interface = self.interface ?? object
      if let master = link["master"]?.string {
        try log.setting("link", self.name, "master", master)
      }
      for direction in ["rx", "tx"] {
        guard case .object(let members, _)? = statistics[direction] else { continue }
        for member in members {
          guard let value = member.value.integer else { continue }
          let unit: CounterUnit = member.key == "bytes" ? .bytes : .count
          let counter = try log.counter("\(direction)_\(member.key)", unit)
          try log.add(interface, counter, value, .total)
        }
        log.events += 1
      }
    }
    interface = nil
    return true
  }

  /// `26: eth0@if27: <BROADCAST,...> mtu 1500 ...`
  private func interface(
    _ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ log: CounterLog
  ) throws -> Bool {
    var at = start
    guard let index = bytes.decimal(&at, end), bytes.has(": ", at: at, end),
      let flags = bytes.find(": <", from: at + 2, end)
    else { return false }
    var last = at + 2
    while last < flags, bytes[last] != UInt8(ascii: "@") { last += 1 }
    _ = try open(bytes.text(from: at + 2, to: last), index: index, log)
    isVirtualFunction = false
    due = nil
    if let found = bytes.find(" master ", from: flags, end) {
      let from = found + 8
      var to = from
      while to < end, bytes[to] > 0x20 { to += 1 }
      try log.setting("link", name, "master", bytes.text(from: from, to: to))
    }
    return true
  }

  /// An interface of this name and index begins.
  private func open(_ plain: String, index: Int64, _ log: CounterLog) throws -> Int32 {
    self.plain = plain
    name = log.name("ip", .interface, plain)
    if let known = identities[name], known.index != index {
      name = CounterLog.apart(name, "index \(index)")
    }
    let object = try log.object("ip", .interface, plain, called: name)
    if identities[name] == nil { identities[name] = (index, nil) }
    try log.begin(object)
    interface = object
    return object
  }

  /// The hardware address of the interface that began.
  private func identify(_ address: String, _ log: CounterLog) throws {
    if let known = identities[name]?.address, known != address {
      name = CounterLog.apart(name, address)
      let object = try log.object("ip", .interface, plain, called: name)
      try log.begin(object)
      interface = object
    } else {
      identities[name]?.address = address
    }
    try log.setting("link", name, "address", address)
  }

  /// `RX:  bytes packets errors dropped  missed   mcast`, `TX errors: aborted   fifo  window ...`
  private func header(
    _ bytes: Span<UInt8>, _ start: Int, _ end: Int, isReceive: Bool, _ log: CounterLog
  ) throws -> [(counter: Int32, nature: CounterNature)] {
    if let number = headers.value(bytes, from: start, to: end) { return known[Int(number)] }
    var colon = start
    while colon < end, bytes[colon] != UInt8(ascii: ":") { colon += 1 }
    let isErrors = colon - start > 2
    var fields = Fields()
    fields.cut(bytes, colon + 1, end)
    var columns: [(counter: Int32, nature: CounterNature)] = []
    for index in 0..<fields.count {
      let word = bytes.text(from: fields[index].lowerBound, to: fields[index].upperBound)
      let name = (isReceive ? "rx_" : "tx_") + (isErrors ? "error_" : "") + word
      let unit: CounterUnit = word == "bytes" ? .bytes : .count
      columns.append((try log.counter(name, unit), .total))
    }
    headers.insert(Int32(known.count), for: bytes, from: start, to: end)
    known.append(columns)
    return columns
  }

  /// `1234`, and with `-h` `1.23M` (1000) or `1.23Mi` (1024).
  private static func scaled(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Int64? {
    if let value = bytes.wholeNumber(range) { return value }
    var last = range.upperBound
    let isBinary = bytes[last - 1] == UInt8(ascii: "i")
    if isBinary { last -= 1 }
    guard last - 1 > range.lowerBound,
      let value = bytes.hundredths(range.lowerBound..<last - 1)
    else { return nil }
    let power: Int
    switch bytes[last - 1] {
    case UInt8(ascii: "k"), UInt8(ascii: "K"): power = 1
    case UInt8(ascii: "M"): power = 2
    case UInt8(ascii: "G"): power = 3
    case UInt8(ascii: "T"): power = 4
    default: return nil
    }
    var scaled = value
    for _ in 0..<power {
      scaled = scaled.multipliedReportingOverflow(by: isBinary ? 1024 : 1000).partialValue
    }
    return scaled / 100
  }
}
