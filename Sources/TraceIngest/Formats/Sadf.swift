internal import TraceModel

/// `sadf -d`: sar's daily files as values between semicolons, one activity after the other.
///
///     # hostname;interval;timestamp;DEV;tps;rkB/s;wkB/s;dkB/s;areq-sz;aqu-sz;await;%util
///     web1;600;2026-11-22 09:30:01 UTC;vda;45.00;488.00;0.00;0.00;10.84;0.07;1.51;0.40
struct Sadf: CounterFormat {
  let name = "sadf"
  let producedBy = "sadf -d /var/log/sa/sa22 -- -u ALL -q -r -B -W -d -n DEV,EDEV"
  let goodFor = "the same as sar, with dates in UTC"

  func table() -> any CounterTable { SadfTable() }
}

private final class SadfTable: CounterTable {
  private var names: [Substring] = []
  private var key: Int?
  private var tool = ""

  func interrupt(_ reason: CounterBreak) { if reason == .other { names = [] } }

  func take(_ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ log: CounterLog) throws -> Bool {
    if bytes.has("# hostname;interval;timestamp;", at: start, end) {
      names = bytes.text(from: start, to: end).split(separator: ";").dropFirst(3).map { $0 }
      key = names.firstIndex(where: SysstatTable.keys.contains)
      tool = SysstatTable.Tool(name: "sar") { _ in true }.name(names)
      return true
    }
    guard !names.isEmpty else { return false }
    let cells = Self.cells(bytes, start, end)
    // `web1;-1;2026-11-22 09:20:01 UTC;LINUX-RESTART (2 CPU)`
    if cells.count == 4, bytes.has("LINUX-RESTART", at: cells[3].lowerBound, end) { return true }
    guard cells.count == names.count + 3,
      let date = bytes.writtenDate(cells[2].lowerBound, cells[2].upperBound)
    else { return false }
    var values: [(place: Int, value: Int64, meaning: SysstatColumn.Meaning)] = []
    for (place, name) in names.enumerated() where place != key {
      guard let meaning = SysstatColumn.meaning(name) else { continue }
      guard let value = SysstatTable.value(bytes, cells[place + 3], meaning.unit) else {
        return false
      }
      values.append((place, value, meaning))
    }
    let (kind, object): (CounterObjectKind, String) =
      if let key {
        SysstatTable.object(
          names[key],
          bytes.text(from: cells[key + 3].lowerBound, to: cells[key + 3].upperBound))
      } else {
        (.machine, "")
      }
    log.prefix = date.wall
    let number = try log.object(tool, kind, object)
    try log.begin(number)
    for own in values {
      let counter = try log.counter(
        String(names[own.place]), own.meaning.unit, own.meaning.nature, scale: 100)
      try log.add(number, counter, own.value, own.meaning.nature)
    }
    log.events += 1
    return true
  }

  private static func cells(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> [Range<Int>] {
    var cells: [Range<Int>] = []
    var from = start
    for at in start...end where at == end || bytes[at] == UInt8(ascii: ";") {
      cells.append(from..<at)
      from = at + 1
    }
    return cells
  }
}
