internal import TraceModel

/// What `tc -s qdisc` prints:
///
///     qdisc fq_codel 0: dev eth0 parent 1:1 limit 10240p flows 1024 quantum 1514 target 5ms ...
///      Sent 2376674 bytes 33642 pkt (dropped 3, overlimits 0 requeues 7)
///      rate 0bit 0pps backlog 0b 0p requeues 7
///       maxpacket 1514 drop_overlimit 0 new_flow_count 12 ecn_mark 0
///
/// A root `mq` counts what its children count again: the object's name tells them apart.
struct QdiscStatistics: CounterFormat {
  let name = "tc-qdisc"
  let producedBy = "while sleep 1; do date +%s.%N; tc -s qdisc; done"
  let goodFor = "drops and backlog before the driver: a local queue, not the network"

  func table() -> any CounterTable { QdiscTable() }
}

private final class QdiscTable: CounterTable {
  private var qdisc: Int32?
  private var known = NameTable()
  private var objects: [Int32] = []
  /// Where the objects that are known were read.
  private var place = ""

  func interrupt(_ reason: CounterBreak) { if reason != .blank { qdisc = nil } }

  func take(_ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ log: CounterLog) throws -> Bool {
    if bytes.has("[{", at: start, end) { return try json(bytes, start, end, log) }
    if bytes.has("qdisc ", at: start, end) {
      let object = try object(bytes, start + 6, end, log)
      try log.begin(object)
      qdisc = object
      return true
    }
    guard let qdisc, bytes[start] == 0x20 || bytes[start] == 0x09 else { return false }
    var at = start
    bytes.skipBlanks(&at, end)
    if bytes.has("Sent ", at: at, end) { return try sent(bytes, at + 5, end, qdisc, log) }
    log.fields.cut(bytes, at, end)
    if bytes.has("backlog ", at: at, end) || bytes.has("rate ", at: at, end) {
      try backlog(bytes, qdisc, log)
    }
    // What belongs to the kind: `maxpacket 0 drop_overlimit 0 ...`, `new_flows_len 0 ...`
    return bytes[at] | 0x20 &- 0x61 < 26
  }

  /// `[{"kind":"fq_codel","handle":"0:","dev":"eth0","root":true,"bytes":1,"packets":2,"drops":3,...}]`
  private func json(
    _ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ log: CounterLog
  ) throws -> Bool {
    guard bytes.find("\"overlimits\"", from: start, end) != nil else { return false }
    var parser = JSONParser(start..<end)
    guard case .array(let all)? = try parser.next(bytes) else { return false }
    // The names of the text form, so that both are one series.
    let counters: [(String, String, CounterUnit, CounterNature)] = [
      ("bytes", "bytes", .bytes, .total), ("packets", "packets", .count, .total),
      ("drops", "dropped", .count, .total), ("overlimits", "overlimits", .count, .total),
      ("requeues", "requeues", .count, .total), ("backlog", "backlog", .bytes, .level),
      ("qlen", "qlen", .count, .level),
    ]
    for value in all {
      guard let kind = value["kind"]?.string else { continue }
      let place = value["parent"]?.string.map { "parent " + $0 } ?? "root"
      let words = [value["dev"]?.string ?? "", place, kind, value["handle"]?.string ?? ""]
      let name = words.filter { !$0.isEmpty }.joined(separator: " ")
      let object = try log.object("tc", .qdisc, name)
      try log.begin(object)
      for (key, name, unit, nature) in counters {
        guard let number = value[key]?.integer else { continue }
        try log.add(object, try log.counter(name, unit, nature), number, nature)
      }
      log.events += 1
    }
    qdisc = nil
    return true
  }

  /// `fq_codel 0: dev eth0 parent 1:1 limit ...`: `eth0 parent 1:1 fq_codel 0:`.
  private func object(
    _ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ log: CounterLog
  ) throws -> Int32 {
    if log.scope.isDivided, place != log.scope.text {
      place = log.scope.text
      known = NameTable()
      objects.removeAll()
    }
    if let number = known.value(bytes, from: start, to: end) { return objects[Int(number)] }
    var fields = Fields()
    fields.cut(bytes, start, end)
    func word(_ index: Int) -> String {
      index < fields.count
        ? bytes.text(from: fields[index].lowerBound, to: fields[index].upperBound) : ""
    }
    var device = ""
    var place = ""
    for index in 0..<fields.count {
      if device.isEmpty, bytes.equals("dev", fields[index]) { device = word(index + 1) }
      if place.isEmpty, bytes.equals("root", fields[index]) { place = "root" }
      if place.isEmpty, bytes.equals("parent", fields[index]) {
        place = "parent " + word(index + 1)
      }
    }
    let name = [device, place, word(0), word(1)].filter { !$0.isEmpty }.joined(separator: " ")
    let object = try log.object("tc", .qdisc, name)
    known.insert(Int32(objects.count), for: bytes, from: start, to: end)
    objects.append(object)
    return object
  }

  /// `2376674 bytes 33642 pkt (dropped 3, overlimits 0 requeues 7)`; `pkts` from old kernels.
  private func sent(
    _ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ qdisc: Int32, _ log: CounterLog
  ) throws -> Bool {
    var at = start
    // `Sent hardware 123 bytes 4 pkt`: counted in the line before as well.
    if bytes.has("hardware ", at: at, end) { return true }
    let words: [(StaticString, String, CounterUnit)] = [
      ("", "bytes", .bytes), (" bytes ", "packets", .count), ("(dropped ", "dropped", .count),
      ("overlimits ", "overlimits", .count), ("requeues ", "requeues", .count),
    ]
    var values: [(String, CounterUnit, Int64)] = []
    for (word, name, unit) in words {
      if word.utf8CodeUnitCount > 0 {
        guard let found = bytes.find(word, from: at, end) else { return false }
        at = found + word.utf8CodeUnitCount
      }
      guard let value = bytes.decimal(&at, end) else { return false }
      values.append((name, unit, value))
    }
    for (name, unit, value) in values {
      try log.add(qdisc, try log.counter(name, unit), value, .total)
    }
    log.events += 1
    return true
  }

  /// `rate 0bit 0pps backlog 32Kb 5p requeues 7`: bytes with `Kb` = 1024, then packets.
  private func backlog(_ bytes: Span<UInt8>, _ qdisc: Int32, _ log: CounterLog) throws {
    let fields = log.fields
    for index in 0..<fields.count where bytes.equals("backlog", fields[index]) {
      guard index + 2 < fields.count else { return }
      var at = fields[index + 1].lowerBound
      let end = fields[index + 1].upperBound
      if var value = bytes.decimal(&at, end) {
        if at < end, bytes[at] == UInt8(ascii: "K") { value <<= 10 }
        if at < end, bytes[at] == UInt8(ascii: "M") { value <<= 20 }
        try log.add(qdisc, try log.counter("backlog", .bytes, .level), value, .level)
      }
      at = fields[index + 2].lowerBound
      if let value = bytes.decimal(&at, fields[index + 2].upperBound) {
        try log.add(qdisc, try log.counter("qlen", .count, .level), value, .level)
      }
      return
    }
  }
}
