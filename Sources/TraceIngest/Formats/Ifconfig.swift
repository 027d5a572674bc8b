internal import TraceModel

/// `ifconfig`, of net-tools 2 and before:
///
///     eth0: flags=4163<UP,BROADCAST,RUNNING,MULTICAST>  mtu 1500
///             RX packets 8910  bytes 1234567 (1.1 MiB)
///             RX errors 0  dropped 12  overruns 0  frame 0
///             TX errors 0  dropped 0 overruns 0  carrier 0  collisions 0
///
///     eth0      Link encap:Ethernet  HWaddr 52:54:00:aa:bb:cc
///               RX packets:8910 errors:0 dropped:12 overruns:0 frame:0
///               RX bytes:1234567 (1.1 MiB)  TX bytes:765432 (747.4 KiB)
///
/// It shows the kernel's counters of `ip -s link`, so they have the same names here and are one series with those.
struct Ifconfig: CounterFormat {
  let name = "ifconfig"
  let producedBy = "while sleep 1; do date +%s.%N; ifconfig; done"
  let goodFor = "drops at each interface, where ip is missing"

  func table() -> any CounterTable { IfconfigTable() }
}

private final class IfconfigTable: CounterTable {
  private var interface: Int32?

  func interrupt(_ reason: CounterBreak) { interface = nil }

  func take(_ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ log: CounterLog) throws -> Bool {
    if bytes[start] > 0x20 { return try open(bytes, start, end, log) }
    guard let interface else { return false }
    var at = start
    bytes.skipBlanks(&at, end)
    guard at < end, bytes[at] | 0x20 &- 0x61 < 26 else { return false }
    // `collisions:0 txqueuelen:1000` is of what was sent.
    var direction: String? = bytes.has("collisions", at: at, end) ? "tx_" : nil
    guard direction != nil || bytes.has("RX ", at: at, end) || bytes.has("TX ", at: at, end) else {
      return true
    }
    let words = Self.words(bytes, at, end)
    var index = 0
    var isUsed = false
    while index < words.count {
      let word = words[index]
      if bytes.equals("RX", word) || bytes.equals("TX", word) {
        direction = bytes.equals("RX", word) ? "rx_" : "tx_"
      } else if let direction, index + 1 < words.count,
        let value = log.number(bytes, words[index + 1]),
        let name = Self.counter(bytes.text(from: word.lowerBound, to: word.upperBound))
      {
        let unit: CounterUnit = name == "bytes" ? .bytes : .count
        try log.add(interface, try log.counter(direction + name, unit), value, .total)
        (index, isUsed) = (index + 1, true)
      }
      index += 1
    }
    if isUsed { log.events += 1 }
    return true
  }

  /// `eth0: flags=4163<UP,...>  mtu 1500`, `eth0      Link encap:Ethernet  HWaddr 52:54:00:aa:bb:cc`
  private func open(
    _ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ log: CounterLog
  ) throws -> Bool {
    var last = start
    while last < end, bytes[last] > 0x20 { last += 1 }
    if last < end, bytes[last - 1] == UInt8(ascii: ":"), bytes.has(" flags=", at: last, end) {
      last -= 1
    } else {
      var at = last
      bytes.skipBlanks(&at, end)
      guard bytes.has("Link encap:", at: at, end) else { return false }
    }
    guard last > start else { return false }
    let object = try log.object("ip", .interface, bytes.text(from: start, to: last))
    try log.begin(object)
    interface = object
    return true
  }

  /// What lies between blanks and colons.
  private static func words(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> [Range<Int>] {
    var words: [Range<Int>] = []
    var from = start
    for at in start...end where at == end || bytes[at] <= 0x20 || bytes[at] == UInt8(ascii: ":") {
      if at > from { words.append(from..<at) }
      from = at + 1
    }
    return words
  }

  /// As `ip -s -s link` calls it; overruns are the kernel's fifo errors in both directions.
  private static func counter(_ word: String) -> String? {
    switch word {
    case "packets", "bytes", "errors", "dropped", "carrier": word
    case "collisions": "collsns"
    case "overruns": "error_fifo"
    case "frame": "error_frame"
    default: nil
    }
  }
}
