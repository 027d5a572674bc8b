/// Moments of the wall clock as people read them, in UTC.
public enum UTCText {
  private static let second: Int64 = 1_000_000_000
  private static let day: Int64 = 86_400 * second

  /// `14:52:13.0`, of ns since 1970, to the nearest tenth, as seconds of the timeline are rounded.
  public static func time(_ nanoseconds: Int64) -> String {
    let nanoseconds = rounded(nanoseconds)
    let rest = nanoseconds - floor(nanoseconds, day) * day
    let seconds = rest / second
    return
      "\(two(seconds / 3600)):\(two(seconds / 60 % 60)):\(two(seconds % 60)).\(rest % second / (second / 10))"
  }

  /// `2026-11-29 14:52:13.0 UTC`, of ns since 1970, to the nearest tenth.
  public static func full(_ nanoseconds: Int64) -> String {
    "\(date(rounded(nanoseconds))) \(time(nanoseconds)) UTC"
  }

  private static func rounded(_ nanoseconds: Int64) -> Int64 {
    let tenth = second / 10
    let (half, isTooLong) = nanoseconds.addingReportingOverflow(tenth / 2)
    return floor(isTooLong ? nanoseconds : half, tenth) * tenth
  }

  /// `2026-11-29`, of ns since 1970: Hinnant's civil_from_days.
  private static func date(_ nanoseconds: Int64) -> String {
    let days = floor(nanoseconds, day) + 719_468
    let era = floor(days, 146_097)
    let dayOfEra = days - era * 146_097
    let year = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * year + year / 4 - year / 100)
    // Years are counted from March, so that the leap day is the last.
    let month = (5 * dayOfYear + 2) / 153
    let isNextYear = month >= 10
    return "\(year + era * 400 + (isNextYear ? 1 : 0))-\(two(isNextYear ? month - 9 : month + 3))-"
      + two(dayOfYear - (153 * month + 2) / 5 + 1)
  }

  /// Divided, rounded down.
  private static func floor(_ number: Int64, _ divisor: Int64) -> Int64 {
    number / divisor - (number % divisor < 0 ? 1 : 0)
  }

  private static func two(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }
}
