internal import TraceModel

/// Readings of one machine's clocks when a capture began and ended, as the script of `hiddenq capture` takes
/// them:
///
///     start before realtime=1795715085.979920363
///     start uptime (CLOCK_BOOTTIME) 26093.64
///     start monotonic_ns=26093643623238
///     start after realtime=1795715085.984054385
///
/// The others were read between the two of the wall clock. `monotonic_ns` is there as root only. A wall clock
/// that went further than they did was set meanwhile.
struct CaptureClocks: FactFormat {
  let name = "capture-clocks"
  let producedBy = "sh capture.sh (made by hiddenq capture)"
  let clock = "none"
  let goodFor = "whether the wall clock was set during a capture"

  func begins(_ head: Span<UInt8>) -> Bool {
    let lines = CaptureClockLines()
    return anyLine(of: head, atMost: 4) { start, end in lines.opens(head, start, end) }
  }

  func lines() -> any FactLines { CaptureClockLines() }
}

private final class CaptureClockLines: FactLines {
  /// The readings of one moment, ns.
  private struct Moment {
    var before: Int64?
    var after: Int64?
    var monotonic: Int64?
    /// `/proc/uptime` has hundredths of a second.
    var uptime: Int64?

    /// The least and the most by which the wall clock was ahead of the others.
    func ahead(ofMonotonic isMonotonic: Bool) -> ClosedRange<Int64>? {
      guard let before, let after, before <= after, let other = isMonotonic ? monotonic : uptime
      else { return nil }
      return before - other - (isMonotonic ? 0 : 10_000_000)...after - other
    }
  }

  private var begin = Moment()
  private var end = Moment()

  /// NTP slews a clock by this share of the time at most; what goes beyond was set.
  private static let mostSlew = 0.0005

  func opens(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
    bytes.has("start before realtime=", at: start, end)
  }

  func take(_ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ log: inout FactLog) -> Bool {
    log.fields.cut(bytes, start, end)
    let fields = log.fields
    guard fields.count >= 2 else { return false }
    let isBegin = bytes.equals("start", fields[0])
    guard isBegin || bytes.equals("end", fields[0]) else { return false }
    guard let (name, time, clock) = Self.reading(bytes, fields) else { return false }
    if isBegin { begin[keyPath: clock] = time } else { self.end[keyPath: clock] = time }
    if !isBegin, clock == \.after, wasSet {
      log.notices.add(.wallClockSet, count: 1, line: log.line)
    }
    log.batch.settings.append(
      SettingFact(
        kind: "clock", object: isBegin ? "start" : "end", name: name, value: "\(time)",
        line: log.line))
    return true
  }

  /// What a line says of which clock, ns.
  private static func reading(
    _ bytes: Span<UInt8>, _ fields: Fields
  ) -> (name: String, time: Int64, clock: WritableKeyPath<Moment, Int64?>)? {
    if fields.count == 3, let time = time("realtime=", bytes, fields[2]) {
      if bytes.equals("before", fields[1]) { return ("realtime_before_ns", time, \.before) }
      if bytes.equals("after", fields[1]) { return ("realtime_after_ns", time, \.after) }
    } else if fields.count == 4, bytes.equals("uptime", fields[1]) {
      return time("", bytes, fields[3]).map { ("boottime_ns", $0, \.uptime) }
    } else if fields.count == 2 {
      return wholeNumber("monotonic_ns=", bytes, fields[1]).map {
        ("monotonic_ns", $0, \.monotonic)
      }
    }
    return nil
  }

  /// Whether the wall clock went further, or less far, than the others and the slew explain.
  private var wasSet: Bool {
    let isMonotonic = begin.monotonic != nil && end.monotonic != nil
    guard let first = begin.ahead(ofMonotonic: isMonotonic),
      let last = end.ahead(ofMonotonic: isMonotonic),
      let from = isMonotonic ? begin.monotonic : begin.uptime,
      let to = isMonotonic ? end.monotonic : end.uptime
    else { return false }
    let slew = Int64(Double(abs(to - from)) * Self.mostSlew)
    return last.lowerBound > first.upperBound + slew || last.upperBound < first.lowerBound - slew
  }

  private static func wholeNumber(
    _ name: StaticString, _ bytes: Span<UInt8>, _ field: Range<Int>
  ) -> Int64? {
    guard bytes.has(name, at: field.lowerBound, field.upperBound) else { return nil }
    var at = field.lowerBound + name.utf8CodeUnitCount
    guard let value = bytes.decimal(&at, field.upperBound), at == field.upperBound,
      Stamp.range.contains(value)
    else { return nil }
    return value
  }

  /// `realtime=1795715085.979920363` or `26093.64` in ns.
  private static func time(
    _ name: StaticString, _ bytes: Span<UInt8>, _ field: Range<Int>
  ) -> Int64? {
    guard bytes.has(name, at: field.lowerBound, field.upperBound) else { return nil }
    var at = field.lowerBound + name.utf8CodeUnitCount
    guard let seconds = bytes.decimal(&at, field.upperBound), seconds < Stamp.mostSeconds,
      at < field.upperBound, bytes[at] == UInt8(ascii: ".")
    else { return nil }
    at += 1
    let digits = field.upperBound - at
    guard (1...9).contains(digits), let fraction = bytes.decimal(&at, field.upperBound),
      at == field.upperBound
    else { return nil }
    return seconds * 1_000_000_000 + (digits..<9).reduce(fraction) { value, _ in value * 10 }
  }
}
