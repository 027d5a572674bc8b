import Testing
import TraceIngest
import TraceModel

/// Times as people write them.
struct GivenTimeTests {
  private static let second: Int64 = 1_000_000_000

  @Test(
    "moments of the timeline",
    arguments: [
      ("8.2", 8_200_000_000), ("8.2s", 8_200_000_000), ("350ms", 350_000_000), ("40us", 40_000),
      ("-0.5", -500_000_000), ("20000000000ns", 20_000_000_000), ("0", 0),
    ] as [(String, Int64)])
  func moments(_ text: String, _ moment: Int64) {
    #expect(GivenTime(text) == .moment(moment))
  }

  @Test(
    "times of the day, in UTC unless a zone is said",
    arguments: [
      ("09:30:53", 34_253_000_000_000), ("9:30:53.25", 34_253_250_000_000),
      ("09:30:53Z", 34_253_000_000_000), ("09:30:53.0 UTC", 34_253_000_000_000),
      ("10:30:53+01:00", 34_253_000_000_000), ("00:30:00+01:00", 84_600_000_000_000),
      ("23:30:00-0100", 1_800_000_000_000),
    ] as [(String, Int64)])
  func timesOfDay(_ text: String, _ time: Int64) {
    #expect(GivenTime(text) == .timeOfDay(time))
  }

  @Test(
    "dates",
    arguments: [
      ("2026-11-22T09:30:53Z", 0), ("2026-11-22 09:30:53", 0), ("2026-11-22 09:30:53.0 UTC", 0),
      ("2026-11-22T10:30:53+01:00", 0), ("2026-11-22T04:00:53-0530", 0),
      ("2026-11-22T09:30:53.250Z", 250_000_000), ("2026-11-21T23:30:53-10", 0),
    ] as [(String, Int64)])
  func dates(_ text: String, _ more: Int64) {
    #expect(GivenTime(text) == .date(1_795_339_853 * Self.second + more))
  }

  @Test(
    "what is no time, or could be several",
    arguments: [
      "", "now", "8.2x", "nan", "inf", "1e300", "25:00:00", "09:61:00", "09:30", "09:30:53 IST",
      "2026-02-30T09:30:53Z", "2026-11-22", "2026-11-22T09:30:53 IST", "2026-11-22T09:30:53Z now",
      "11/22/26 09:30:53", String(repeating: "9", count: 100),
    ])
  func noTimes(_ text: String) {
    #expect(GivenTime(text) == nil)
  }

  @Test("moments of the wall clock in words")
  func words() {
    #expect(UTCText.full(1_795_339_853 * Self.second + 299_999_999) == "2026-11-22 09:30:53.3 UTC")
    #expect(UTCText.full(951_825_599 * Self.second) == "2000-02-29 11:59:59.0 UTC")
    #expect(UTCText.full(4_107_542_399 * Self.second) == "2100-02-28 23:59:59.0 UTC")
    #expect(UTCText.full(-100_000_000) == "1969-12-31 23:59:59.9 UTC")
    #expect(UTCText.time(1_795_339_853 * Self.second) == "09:30:53.0")
  }
}
