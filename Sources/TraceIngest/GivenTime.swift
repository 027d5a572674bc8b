internal import TraceModel

/// A time as a person writes it for an option or in a file.
///
///     8.2  8.2s  350ms                           a moment of the timeline
///     09:30:53  09:30:53.25  10:30:53+01:00      a wall clock of the day, in UTC where no zone is said
///     2026-11-22T09:30:53Z  2026-11-22 09:30:53 UTC  2026-11-22T10:30:53+01:00
public enum GivenTime: Sendable, Equatable {
  /// A moment of the timeline, ns.
  case moment(Int64)
  /// A time of any day in UTC, ns since midnight.
  case timeOfDay(Int64)
  /// ns since 1970 in UTC.
  case date(Int64)

  /// What may be written, for a message.
  public static let forms = "8.2, 350ms, 09:30:53 or 2026-11-22T09:30:53Z"

  private static let day: Int64 = 86_400_000_000_000

  /// Nil where the text is no time.
  public init?(_ text: String) {
    guard text.utf8.count <= 64 else { return nil }
    if let moment = Self.moment(text) {
      self = .moment(moment)
      return
    }
    let bytes = Array(text.utf8)
    let span = bytes.span
    var at = 0
    if let time = span.timeOfDay(&at, span.count) {
      var offset: Int32 = 0
      if at < span.count {
        guard let zone = span.writtenZone(at..<span.count) else { return nil }
        offset = zone
      }
      let utc = (time - Int64(offset) * 1_000_000_000) % Self.day
      self = .timeOfDay(utc < 0 ? utc + Self.day : utc)
      return
    }
    guard bytes.count > 4, bytes[4] == UInt8(ascii: "-"),
      let date = span.writtenDate(0, span.count),
      date.end == span.count, let wall = date.wall, !date.isAmbiguous
    else { return nil }
    // A zone that means several, as IST does, is none.
    guard wall.utcOffset != nil || bytes.last.map({ $0 &- 0x30 < 10 }) ?? false else { return nil }
    self = .date(wall.nanoseconds)
  }

  /// Seconds, or a number with its unit.
  private static func moment(_ text: String) -> Int64? {
    let units: [(String, Double)] = [
      ("ns", 1), ("us", 1e3), ("ms", 1e6), ("s", 1e9), ("", 1e9),
    ]
    for (unit, scale) in units where text.hasSuffix(unit) {
      if let number = Double(text.dropLast(unit.count)), abs(number * scale) < 9e18 {
        return Int64((number * scale).rounded())
      }
    }
    return nil
  }
}
