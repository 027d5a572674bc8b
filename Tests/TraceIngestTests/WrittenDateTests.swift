import Testing
import TraceModel

@testable import TraceIngest

/// Dates as people's loops and tools write them. All but those without a zone are the same moment.
@Suite struct WrittenDateTests {
  struct Row: CustomTestStringConvertible, Sendable {
    let text: String
    /// Seconds since 1970; nil where there is no moment.
    let seconds: Double?
    let offset: Int32?
    init(_ text: String, _ seconds: Double?, offset: Int32? = nil) {
      self.text = text
      self.seconds = seconds
      self.offset = offset
    }
    var testDescription: String { text }
  }

  /// 7 October 2026, 10:11:12 in UTC.
  static let noon = 1_791_367_872.0

  static func date(_ text: String) -> WrittenDate? {
    let bytes = Array(text.utf8)
    return bytes.span.writtenDate(0, bytes.count)
  }

  @Test(arguments: [
    Row("Wed Oct  7 10:11:12 UTC 2026", noon, offset: 0),
    Row("Wed Oct  7 12:11:12 CEST 2026", noon, offset: 7200),
    Row("Wed Oct  7 10:11:12 AM UTC 2026", noon, offset: 0),
    Row("Wed 07 Oct 2026 12:11:12 PM CEST", noon, offset: 7200),
    Row("Wed 07 Oct 2026 10:11:12 PM UTC", noon + 43_200, offset: 0),
    Row("Wed Oct  7 12:11:12 AM UTC 2026", noon - 36_000, offset: 0),
    Row("Mi 7. Okt 12:11:12 CEST 2026", noon, offset: 7200),
    Row("mer. 07 oct. 2026 12:11:12 CEST", noon, offset: 7200),
    Row("mercredi 7 octobre 2026, 12:11:12 (UTC+0200)", noon, offset: 7200),
    Row("mar. 06 oct. 2026 12:11:12 CEST", noon - 86_400, offset: 7200),
    Row("Ср 07 окт 2026 13:11:12 MSK", noon, offset: 10800),
    Row("2026年 10月  7日 水曜日 19:11:12 JST", noon, offset: 32400),
    Row("Wed, 07 Oct 2026 12:11:12 +0200", noon, offset: 7200),
    Row("2026-10-07T12:11:12+02:00", noon, offset: 7200),
    Row("2026-10-07T10:11:12.5Z", noon + 0.5, offset: 0),
    Row("2026-10-07 10:11:12,250 UTC", noon + 0.25, offset: 0),
    Row("2026-10-07_10:11:12", noon),
    Row("2026/10/07 10:11:12", noon),
    Row("2026_10_07_10_11_12", noon),
    Row("20261007_101112", noon),
    Row("20261007T101112Z", noon, offset: 0),
    Row("7.10.2026 10:11:12", noon),
    Row("10/07/26 10:11:12 AM", noon),
    Row("22/11/2026 00:00:00", 1_795_305_600),
    Row("07-Oct-2026 10:11:12", noon),
    Row("1791367872", noon, offset: 0),
    Row("1791367872.250000000", noon + 0.25, offset: 0),
    Row("1791367872250", noon + 0.25, offset: 0),
    Row("1791367872250000000", noon + 0.25, offset: 0),
    // These letters are several zones: the local reading is kept and said to be one.
    Row("Wed Aug 28 16:03:01 IST 2019", 1_567_008_181),
    // No year, no day: a mark between tables, but no moment.
    Row("Oct 07 10:11:12", nil),
    Row("10:11:12", nil),
    Row("10:11:12 PM", nil),
  ])
  func isReadAsAWhole(_ row: Row) throws {
    let date = try #require(Self.date(row.text), "\(row.text)")
    #expect(date.end == row.text.utf8.count)
    #expect(date.wall?.nanoseconds == row.seconds.map { Int64($0 * 4) * 250_000_000 })
    if row.seconds != nil { #expect(date.wall?.utcOffset == row.offset) }
  }

  @Test(arguments: [
    "", "2", "12345678", "2026-13-07 10:11:12", "2026-10-32 10:11:12", "2026-02-29 10:11:12",
    "10:11", "25:00:00", "1791367872x", "17913678721", "Oct 7", "numa_hit 575343",
    "Sent 12 bytes 3 pkt", "cpu0 369 0 1105", "node 0 cpus: 0 1", "eth0: 538837 7609",
    "\u{FF}\u{FE}", "Wed Oct  7 10:11 2026",
  ])
  func otherTextIsNone(_ text: String) {
    #expect(Self.date(text)?.end == nil)
  }

  @Test(arguments: [
    ("2026-10-07 10:11:12 NIC statistics:", 19), ("2026-10-07 10:11:12     RX: bytes", 19),
    ("Wed 07 Oct 2026 10:11:12 NIC statistics:", 24), ("2026-10-07 12:11:12 CEST NIC x:", 24),
  ])
  func theFirstWordOfALineIsNoZone(_ text: String, _ end: Int) {
    #expect(Self.date(text)?.end == end)
  }

  @Test func monthAndDayThatMayBeSwappedAreMarked() {
    func isAmbiguous(_ text: String) -> Bool? { Self.date(text)?.isAmbiguous }
    #expect(isAmbiguous("10/07/26 10:11:12") == true)
    #expect(isAmbiguous("10/22/26 10:11:12") == false)
    #expect(isAmbiguous("22/10/26 10:11:12") == false)
    #expect(isAmbiguous("07/07/26 10:11:12") == false)
  }

  @Test(arguments: [
    ("=== Wed Oct  7 10:11:12 UTC 2026 ===", "whole"),
    ("## 1791367872.5 uptime 60.36 46.40", "whole"),
    ("zzz ***Wed Oct  7 10:11:12 UTC 2026", "whole"),
    ("TS 1791367872.0 2026-10-07 10:11:12", "whole"),
    ("--- sample 3 at 2026-10-07 10:11:12 ---", "whole"),
    ("Every 2.0s: numastat          web1: Wed Oct  7 10:11:12 2026", "whole"),
    ("[2026-10-07 10:11:12]  2  0      0 812344", "prefix"),
    ("1791367872.5 18577 3532966699 22037603443 51240 IO io1", "prefix"),
    ("2026-10-07 10:11:12 NIC statistics:", "prefix"),
    ("1791367872      --------------- ---------------", "prefix"),
    ("=== numastat ===", "banner"), ("-----------", "banner"), ("numa_hit 1", "none"),
  ])
  func decorationsAndPrefixes(_ text: String, _ expected: String) {
    let bytes = Array(text.utf8)
    let kind =
      switch DateLine(bytes.span, 0, bytes.count) {
      case .whole: "whole"
      case .prefix: "prefix"
      case .banner: "banner"
      case .none: "none"
      }
    #expect(kind == expected)
  }
}
