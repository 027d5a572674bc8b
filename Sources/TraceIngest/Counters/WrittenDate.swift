internal import TraceModel

/// A date and time that people and tools write into a file, and where it ends.
///
///     Wed Oct  7 10:11:12 CEST 2026          date(1), C
///     Wed 07 Oct 2026 10:11:12 AM CEST       date(1), en_US with 12 hours
///     Mi 7. Okt 10:11:12 CEST 2026           date(1), de_DE; months of other languages likewise
///     2026年 10月  7日 水曜日 10:11:12 JST      date(1), ja_JP
///     2026-10-07T10:11:12.5+02:00            ISO 8601, with blank, `_` or `T`
///     20261007_101112  10/07/26 10:11:12 AM  7.10.2026 10:11:12
///     1791360672  1791360672.123456789       seconds; also 13, 16 or 19 digits
struct WrittenDate {
  /// The moment; nil when the text has no year or no day (`Oct 07 10:11:12`, `10:11:12`).
  var wall: WallTime?
  /// Behind its last byte.
  var end: Int
  /// `10/07/26` may be October or July; read as October, as `date +%D` and sysstat write it.
  var isAmbiguous = false
}

extension Span where Element == UInt8 {
  /// The date that begins here; nil when none does.
  func writtenDate(_ start: Int, _ end: Int) -> WrittenDate? {
    guard start < end else { return nil }
    guard isDigit(start) else {
      // Every form that begins with a word has a time of day in it.
      return isWordByte(self[start]) ? dateInWords(start, end) : nil
    }
    var at = start
    while at < end, isDigit(at) { at += 1 }
    let digits = at - start
    let next = at < end ? self[at] : 0x20
    switch (digits, next) {
    case (10, _), (13, _), (16, _), (19, _): return epoch(start, at, end)
    case (4, UInt8(ascii: "-")), (4, UInt8(ascii: "/")), (4, UInt8(ascii: ".")),
      (4, UInt8(ascii: "_")):
      return yearFirst(start, end)
    case (8, _): return compactDate(start, end)
    case (1...2, UInt8(ascii: "/")), (1...2, UInt8(ascii: "-")): return slashedDate(start, end)
    case (1...2, UInt8(ascii: ".")): return dottedDate(start, end) ?? dateInWords(start, end)
    case (1...2, UInt8(ascii: ":")): return timeAlone(start, end)
    default: return dateInWords(start, end)
    }
  }

  /// How far ahead of UTC a zone is that stands alone (`CEST`, `+03`); nil when that is not sure.
  func writtenZone(_ range: Range<Int>) -> Int32? {
    var at = range.lowerBound
    guard let zone = zone(&at, range.upperBound), at == range.upperBound else { return nil }
    return zone
  }

  private func isDigit(_ index: Int) -> Bool { self[index] &- 0x30 < 10 }

  /// A letter, or a byte of a letter beyond ASCII.
  private func isWordByte(_ byte: UInt8) -> Bool { byte | 0x20 &- 0x61 < 26 || byte >= 0x80 }

  private func isEnd(_ at: Int, _ end: Int) -> Bool {
    guard at < end else { return true }
    switch self[at] {
    case 0x20, 0x09, UInt8(ascii: "]"), UInt8(ascii: ")"), UInt8(ascii: ":"), UInt8(ascii: ","),
      UInt8(ascii: "="), UInt8(ascii: "|"), UInt8(ascii: ";"), UInt8(ascii: "-"):
      return true
    default: return false
    }
  }

  /// So many digits and nothing else that could be one more.
  private func number(_ at: inout Int, _ end: Int, digits: ClosedRange<Int>) -> Int64? {
    let start = at
    guard let value = decimal(&at, end), digits.contains(at - start) else {
      at = start
      return nil
    }
    return value
  }

  /// `1791360672.123456789`: between 2001 and 2100.
  private func epoch(_ start: Int, _ digitsEnd: Int, _ end: Int) -> WrittenDate? {
    var at = start
    guard let value = decimal(&at, end) else { return nil }
    let scale: Int64 =
      switch digitsEnd - start {
      case 10: 1_000_000_000
      case 13: 1_000_000
      case 16: 1_000
      default: 1
      }
    let seconds = value / (1_000_000_000 / scale)
    guard seconds >= 978_307_200, seconds < 4_102_444_800 else { return nil }
    var nanoseconds = value * scale
    if scale == 1_000_000_000, let fraction = fraction(&at, end) { nanoseconds += fraction }
    guard isEnd(at, end) else { return nil }
    return WrittenDate(wall: WallTime(nanoseconds: nanoseconds, utcOffset: 0), end: at)
  }

  /// `.123456` or `,5` in ns; digits beyond the ninth are dropped.
  private func fraction(_ at: inout Int, _ end: Int) -> Int64? {
    guard at + 1 < end, self[at] == UInt8(ascii: ".") || self[at] == UInt8(ascii: ","),
      isDigit(at + 1)
    else { return nil }
    at += 1
    var value: Int64 = 0
    var place: Int64 = 100_000_000
    while at < end, isDigit(at) {
      value += Int64(self[at] &- 0x30) * place
      place /= 10
      at += 1
    }
    return value
  }

  /// `10:11:12.5`, in ns of the day.
  func timeOfDay(
    _ at: inout Int, _ end: Int, separator: UInt8 = UInt8(ascii: ":")
  ) -> Int64? {
    var index = at
    guard let hour = number(&index, end, digits: 1...2), hour < 24, index < end,
      self[index] == separator
    else { return nil }
    index += 1
    guard let minute = number(&index, end, digits: 2...2), minute < 60, index < end,
      self[index] == separator
    else { return nil }
    index += 1
    guard let second = number(&index, end, digits: 2...2), second <= 60 else { return nil }
    let fraction = fraction(&index, end) ?? 0
    at = index
    return (hour * 3600 + minute * 60 + second) * 1_000_000_000 + fraction
  }

  /// `AM`, `pm`, `p.m.` moved past; the time of day it makes.
  private func halfDay(_ at: inout Int, _ end: Int, _ time: Int64) -> Int64? {
    var index = at
    skipBlanks(&index, end)
    guard index + 1 < end else { return nil }
    let half = self[index] | 0x20
    guard half == UInt8(ascii: "a") || half == UInt8(ascii: "p") else { return nil }
    index += 1
    let hasDots = self[index] == UInt8(ascii: ".")
    if hasDots { index += 1 }
    guard index < end, self[index] | 0x20 == UInt8(ascii: "m") else { return nil }
    index += 1
    if hasDots, index < end, self[index] == UInt8(ascii: ".") { index += 1 }
    guard index >= end || !isWordByte(self[index]) && !isDigit(index) else { return nil }
    let noon: Int64 = 12 * 3600 * 1_000_000_000
    guard time >= 0, time < 13 * noon / 12 else { return nil }
    at = index
    return time % noon + (half == UInt8(ascii: "p") ? noon : 0)
  }

  /// A zone behind a time: `Z`, `UTC`, `CEST`, `+0200`, `+02:00`, `(UTC+0200)`; nil when there is none.
  /// `.some(nil)` is a zone whose distance is not sure.
  private func zone(_ at: inout Int, _ end: Int) -> Int32?? {
    var index = at
    skipBlanks(&index, end)
    let hasParenthesis = index < end && self[index] == UInt8(ascii: "(")
    if hasParenthesis { index += 1 }
    let start = index
    while index < end, self[index] &- 0x41 < 26 { index += 1 }
    let letters = index - start
    var offset: Int32?
    if letters > 0 {
      guard letters <= 5 else { return nil }
      offset = Self.offset(self, start, index)
    }
    if index < end, self[index] == UInt8(ascii: "+") || self[index] == UInt8(ascii: "-") {
      let isAhead = self[index] == UInt8(ascii: "+")
      var digits = index + 1
      let digitsStart = digits
      if let first = number(&digits, end, digits: 2...4), digits - digitsStart != 3 {
        var hours = first
        var minutes: Int64 = 0
        if digits - digitsStart == 4 {
          hours = first / 100
          minutes = first % 100
        } else if digits < end, self[digits] == UInt8(ascii: ":") {
          var more = digits + 1
          if let value = number(&more, end, digits: 2...2) {
            minutes = value
            digits = more
          }
        }
        guard hours <= 14, minutes < 60 else { return nil }
        let seconds = Int32(hours * 3600 + minutes * 60)
        offset = isAhead ? seconds : -seconds
        index = digits
      } else if letters == 0 {
        return nil
      }
    } else if letters == 0 {
      return nil
    }
    if hasParenthesis {
      guard index < end, self[index] == UInt8(ascii: ")") else { return nil }
      index += 1
    }
    guard index >= end || !isWordByte(self[index]) && !isDigit(index) else { return nil }
    at = index
    return .some(offset)
  }

  /// Whether nothing but marks follows. Three capitals behind a time may be a zone or the line's first
  /// word: `2026-10-07 10:11:12 NIC statistics:`.
  private func isLastWord(_ position: Int, _ end: Int) -> Bool {
    for index in position..<end where isWordByte(self[index]) || isDigit(index) { return false }
    return true
  }

  /// Zones whose letters mean one thing today. `CST`, `IST`, `BST`, `AST` mean several: nil.
  private static func offset(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Int32? {
    let zones: [(StaticString, Int32)] = [
      ("UTC", 0), ("GMT", 0), ("Z", 0), ("UCT", 0), ("WET", 0), ("WEST", 3600), ("CET", 3600),
      ("CEST", 7200), ("MEZ", 3600), ("MESZ", 7200), ("EET", 7200), ("EEST", 10800),
      ("MSK", 10800), ("EST", -18000), ("EDT", -14400), ("CDT", -18000), ("MDT", -21600),
      ("PST", -28800), ("PDT", -25200), ("AKST", -32400), ("AKDT", -28800), ("HST", -36000),
      ("JST", 32400), ("KST", 32400), ("HKT", 28800), ("AEST", 36000), ("AEDT", 39600),
      ("AWST", 28800), ("NZST", 43200), ("NZDT", 46800), ("SAST", 7200),
    ]
    for (name, offset) in zones where end - start == name.utf8CodeUnitCount {
      if bytes.has(name, at: start, end) { return offset }
    }
    return nil
  }

  /// `2026-10-07 10:11:12.5 +0200`, `2026/10/07_10:11:12`, `2026_10_07_10_11_12`.
  private func yearFirst(_ start: Int, _ end: Int) -> WrittenDate? {
    var at = start
    guard let year = number(&at, end, digits: 4...4), at < end else { return nil }
    let separator = self[at]
    at += 1
    guard let month = number(&at, end, digits: 1...2), at < end, self[at] == separator else {
      return nil
    }
    at += 1
    guard let day = number(&at, end, digits: 1...2) else { return nil }
    return timeBehind(Day(year: year, month: month, day: day), at, end)
  }

  /// `20261007_101112`, `20261007T101112Z`, `20261007 10:11:12`.
  private func compactDate(_ start: Int, _ end: Int) -> WrittenDate? {
    var at = start
    guard let digits = number(&at, end, digits: 8...8) else { return nil }
    let day = Day(year: digits / 10_000, month: digits / 100 % 100, day: digits % 100)
    guard at < end, day.year >= 1990 else { return nil }
    var clock = at + 1
    let clockStart = clock
    if let time = number(&clock, end, digits: 6...6), clock - clockStart == 6 {
      let (hour, minute, second) = (time / 10_000, time / 100 % 100, time % 100)
      guard hour < 24, minute < 60, second <= 60 else { return nil }
      let seconds = hour * 3600 + minute * 60 + second
      return moment(day, seconds * 1_000_000_000, clock, end)
    }
    return timeBehind(day, at, end)
  }

  /// `10/07/26 10:11:12 AM`, `07-Oct-2026 10:11:12`.
  private func slashedDate(_ start: Int, _ end: Int) -> WrittenDate? {
    var at = start
    guard let first = number(&at, end, digits: 1...2), at < end else { return nil }
    let separator = self[at]
    at += 1
    guard at < end else { return nil }
    if isWordByte(self[at]) {
      var word = at
      while word < end, isWordByte(self[word]) { word += 1 }
      guard let month = Self.month(self, at, word), word < end, self[word] == separator else {
        return nil
      }
      at = word + 1
      guard let year = number(&at, end, digits: 4...4) else { return nil }
      return timeBehind(Day(year: year, month: month, day: first), at, end)
    }
    guard let second = number(&at, end, digits: 1...2), at < end, self[at] == separator else {
      return nil
    }
    at += 1
    let yearStart = at
    guard var year = number(&at, end, digits: 2...4), at - yearStart != 3 else { return nil }
    if at - yearStart == 2 { year += 2000 }
    let dayFirst = first > 12
    let day = Day(year: year, month: dayFirst ? second : first, day: dayFirst ? first : second)
    var date = timeBehind(day, at, end)
    date?.isAmbiguous = first <= 12 && second <= 12 && first != second
    return date
  }

  /// `7.10.2026 10:11:12`.
  private func dottedDate(_ start: Int, _ end: Int) -> WrittenDate? {
    var at = start
    guard let day = number(&at, end, digits: 1...2), at < end, self[at] == UInt8(ascii: ".")
    else { return nil }
    at += 1
    guard let month = number(&at, end, digits: 1...2), at < end, self[at] == UInt8(ascii: ".")
    else { return nil }
    at += 1
    guard let year = number(&at, end, digits: 4...4) else { return nil }
    return timeBehind(Day(year: year, month: month, day: day), at, end)
  }

  /// `10:11:12`: no day, so no moment, but a date line all the same.
  private func timeAlone(_ start: Int, _ end: Int) -> WrittenDate? {
    var at = start
    guard let time = timeOfDay(&at, end) else { return nil }
    _ = halfDay(&at, end, time)
    guard isEnd(at, end) else { return nil }
    return WrittenDate(wall: nil, end: at)
  }

  /// `10:11:12 AM CEST` behind a date, with `T`, `_`, `-`, a comma or blanks between.
  private func timeBehind(_ day: Day, _ position: Int, _ end: Int) -> WrittenDate? {
    var at = position
    guard at < end else { return nil }
    var separator = UInt8(ascii: ":")
    switch self[at] {
    case UInt8(ascii: "T"), UInt8(ascii: "-"), UInt8(ascii: ":"): at += 1
    case UInt8(ascii: "_"):
      at += 1
      if at + 2 < end, self[at + 2] == UInt8(ascii: "_") { separator = UInt8(ascii: "_") }
    case UInt8(ascii: ","):
      at += 1
      skipBlanks(&at, end)
    default: skipBlanks(&at, end)
    }
    guard at > position, let time = timeOfDay(&at, end, separator: separator) else { return nil }
    return moment(day, time, at, end)
  }

  /// A day and a time make a moment; AM, PM and zone may follow.
  private func moment(_ day: Day, _ time: Int64, _ position: Int, _ end: Int) -> WrittenDate? {
    var at = position
    guard let days = day.sinceEpoch else { return nil }
    let clock = halfDay(&at, end, time) ?? time
    var offset: Int32?
    var behind = at
    if let zone = zone(&behind, end), zone != nil || isLastWord(behind, end) {
      offset = zone
      at = behind
    }
    guard isEnd(at, end) else { return nil }
    return WrittenDate(wall: Self.wall(days, clock, offset), end: at)
  }

  private static func wall(_ days: Int64, _ time: Int64, _ offset: Int32?) -> WallTime {
    WallTime(
      nanoseconds: days * 86_400_000_000_000 + time - Int64(offset ?? 0) * 1_000_000_000,
      utcOffset: offset)
  }

  /// Words, a day, a time and a year in any order, as date(1) writes them in one language or other.
  private func dateInWords(_ start: Int, _ end: Int) -> WrittenDate? {
    var at = start
    var last = start
    var found = DateWords()
    // More words than any locale's date has.
    for _ in 0..<10 {
      skipBlanks(&at, end)
      guard at < end else { break }
      if found.time != nil {
        if let time = found.time, !found.hasHalf, let half = halfDay(&at, end, time) {
          found.time = half
          found.hasHalf = true
          last = at
          continue
        }
        var behind = at
        if found.zone == nil, let zone = zone(&behind, end) {
          found.zone = .some(zone)
          // `09:30:44 CPU 0` is no zone: only with the year before or behind it.
          var year = behind
          skipBlanks(&year, end)
          let isSure = zone != nil || isLastWord(behind, end)
          if found.year != nil && isSure || number(&year, end, digits: 4...4) != nil {
            at = behind
            last = at
            continue
          }
          found.zone = nil
        }
        if found.year != nil { break }
      }
      if found.time == nil, let time = timeOfDay(&at, end) {
        found.time = time
        if at < end, self[at] == UInt8(ascii: ",") { at += 1 }
        last = at
        continue
      }
      if isDigit(at) {
        guard take(numberOf: &found, &at, end) else { break }
      } else {
        guard found.time == nil, take(wordOf: &found, &at, end) else { break }
      }
      last = at
    }
    guard let time = found.time, let day = found.day, let month = found.month else { return nil }
    guard isEnd(last, end) else { return nil }
    guard let year = found.year else { return WrittenDate(wall: nil, end: last) }
    guard let days = Day(year: year, month: month, day: day).sinceEpoch else { return nil }
    return WrittenDate(wall: Self.wall(days, time, found.zone ?? nil), end: last)
  }

  /// `7`, `07.`, `7,`, `2026`, `2026年`, `10月`, `7日`.
  private func take(numberOf found: inout DateWords, _ at: inout Int, _ end: Int) -> Bool {
    var index = at
    guard let value = decimal(&index, end) else { return false }
    let digits = index - at
    let isYear = has("年", at: index, end)
    let isMonth = has("月", at: index, end)
    let isDay = has("日", at: index, end)
    if isYear || isMonth || isDay { index += 3 }
    if digits == 4, !isMonth, !isDay, found.year == nil, (1990..<2100).contains(value) {
      found.year = value
    } else if isMonth, (1...12).contains(value) {
      found.month = value
    } else if digits <= 2, !isYear, !isMonth, found.day == nil, (1...31).contains(value) {
      found.day = value
    } else {
      return false
    }
    if index < end, self[index] == UInt8(ascii: ".") || self[index] == UInt8(ascii: ",") {
      index += 1
    }
    guard index >= end || self[index] == 0x20 || self[index] >= 0x80 || isEnd(index, end) else {
      return false
    }
    at = index
    return true
  }

  /// A month, a weekday (`Wed`, `mer.`, `水曜日`) or a word between (`de`). A weekday may look like a month
  /// (`mar. 06 oct.`): the later one counts.
  private func take(wordOf found: inout DateWords, _ at: inout Int, _ end: Int) -> Bool {
    var index = at
    while index < end, isWordByte(self[index]) { index += 1 }
    guard index > at, index - at <= 24 else { return false }
    if let month = Self.month(self, at, index) {
      found.month = month
    } else {
      found.otherWords += 1
      guard found.otherWords <= 3 else { return false }
    }
    if index < end, self[index] == UInt8(ascii: ".") { index += 1 }
    if index < end, self[index] == UInt8(ascii: ",") { index += 1 }
    guard index >= end || self[index] == 0x20 || self[index] == 0x09 || isDigit(index) else {
      return false
    }
    at = index
    return true
  }

  /// The month that a word begins like, in the languages whose `date` we know.
  private static func month(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Int64? {
    let names: [(Int64, StaticString)] = [
      (1, "jan"), (1, "ene"), (1, "gen"), (1, "янв"), (1, "sty"), (1, "led"), (1, "oca"),
      (2, "feb"), (2, "fév"), (2, "fev"), (2, "фев"), (2, "lut"), (2, "úno"), (2, "şub"),
      (3, "mar"), (3, "mär"), (3, "mrt"), (3, "maa"), (3, "мар"), (3, "bře"),
      (4, "apr"), (4, "avr"), (4, "abr"), (4, "апр"), (4, "kwi"), (4, "dub"), (4, "nis"),
      (5, "may"), (5, "mai"), (5, "mag"), (5, "mei"), (5, "maj"), (5, "май"), (5, "мая"),
      (5, "kvě"), (6, "jun"), (6, "juin"), (6, "giu"), (6, "июн"), (6, "cze"), (6, "haz"),
      (7, "jul"), (7, "juil"), (7, "lug"), (7, "июл"), (7, "lip"), (7, "tem"),
      (8, "aug"), (8, "ago"), (8, "aoû"), (8, "aou"), (8, "авг"), (8, "sie"), (8, "srp"),
      (9, "sep"), (9, "set"), (9, "сен"), (9, "wrz"), (9, "zář"), (9, "eyl"),
      (10, "oct"), (10, "okt"), (10, "ott"), (10, "out"), (10, "окт"), (10, "paź"),
      (10, "říj"), (10, "eki"), (11, "nov"), (11, "ноя"), (11, "lis"), (11, "kas"),
      (12, "dec"), (12, "dez"), (12, "dic"), (12, "déc"), (12, "дек"), (12, "gru"),
      (12, "pro"), (12, "ara"),
    ]
    for (number, name) in names where begins(bytes, start, end, name) { return number }
    return nil
  }

  /// Whether the word begins so, with ASCII letters of either case.
  private static func begins(
    _ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ name: StaticString
  ) -> Bool {
    guard start + name.utf8CodeUnitCount <= end else { return false }
    return name.withUTF8Buffer { wanted in
      for offset in wanted.indices {
        let byte = bytes[start + offset]
        let folded = byte &- 0x41 < 26 ? byte | 0x20 : byte
        if unsafe folded != wanted[offset] { return false }
      }
      return true
    }
  }
}

/// What has been found of a date in words.
private struct DateWords {
  var year: Int64?
  var month: Int64?
  var day: Int64?
  var time: Int64?
  var zone: Int32??
  var hasHalf = false
  var otherWords = 0
}

/// A day of the Gregorian calendar.
private struct Day {
  let year: Int64
  let month: Int64
  let day: Int64

  /// Days since 1 January 1970; nil when there is no such day, or none that a log can be from.
  var sinceEpoch: Int64? {
    guard (1990..<2100).contains(year), (1...12).contains(month), day >= 1 else { return nil }
    let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
    let lengths: [Int64] = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    guard day <= lengths[Int(month) - 1] else { return nil }
    // Count years from March, so that the leap day is the last (Hinnant, days_from_civil).
    let marchYear = month <= 2 ? year - 1 : year
    let marchMonth = (month + 9) % 12
    let dayOfYear = (153 * marchMonth + 2) / 5 + day - 1
    let leapDays = marchYear / 4 - marchYear / 100 + marchYear / 400
    return marchYear * 365 + leapDays + dayOfYear - 719_468
  }
}
