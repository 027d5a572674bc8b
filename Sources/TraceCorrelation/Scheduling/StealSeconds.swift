internal import TraceModel

/// What a guest's virtual CPUs waited for on the host, second by second of the reference timeline, and what
/// the guest itself reported for the same seconds.
public enum StealSeconds {
  /// What the guest's counters said of an interval, on the reference timeline.
  public struct Report: Sendable {
    /// When, ns.
    public let span: Span
    /// Percent of the CPU time stolen.
    public let stolen: Double
    /// Percent of the CPU time that the guest's programs and kernel used; nil where it is not said.
    public let busy: Double?

    /// A sample.
    public init(span: Span, stolen: Double, busy: Double?) {
      self.span = span
      self.stolen = stolen
      self.busy = busy
    }
  }

  /// A second.
  public struct Row: Sendable, Equatable {
    /// Its begin on the reference timeline, ns.
    public let at: Int64
    /// How much of it the host's trace covers, ns; nil where there is none.
    public let covered: Int64?
    /// How long the vCPUs waited in it, all together, ns.
    public let waited: Int64?
    /// How long they ran in it, all together, ns.
    public let ran: Int64?
    /// Percent of the vCPUs' time.
    public let measured: Double?
    /// Percent as the guest reported it.
    public let reported: Double?
    /// Percent of its time that the guest says it used.
    public let busy: Double?
  }

  private static let second: Int64 = 1_000_000_000
  /// Second by second nothing is kept of what spans more than eleven days.
  private static let mostSeconds: Int64 = 1_000_000
  /// The host's trace must cover so much of a second: its edges are no seconds.
  private static let leastCovered: Int64 = 900_000_000
  /// And the guest's samples so much.
  private static let leastReported: Int64 = 500_000_000

  /// What a guest's virtual CPUs did in each second, all together.
  public struct Sums: Sendable {
    private let trace: Span
    /// By second, ns.
    fileprivate private(set) var waited = BySecond()
    fileprivate private(set) var ran = BySecond()
    /// How long they waited in the whole trace, ns.
    public private(set) var allWaits: Int64 = 0

    /// Nothing yet of a trace of that span.
    public init(_ trace: Span) { self.trace = trace }

    /// Adds what one did in a stretch that was not added before.
    public mutating func add(_ timeline: ThreadTimeline) {
      for span in timeline.waits {
        Self.add(span, trace, to: &waited)
        allWaits.add(saturating: span.overlap(trace))
      }
      for span in timeline.runs { Self.add(span, trace, to: &ran) }
    }

    private static func add(_ span: Span, _ trace: Span, to sums: inout BySecond) {
      guard trace.to - trace.from < mostSeconds * second else { return }
      var from = max(trace.from, span.from)
      let end = min(trace.to, span.to)
      while from < end {
        let number = floor(from)
        let until = min(end, (number + 1) * second)
        sums.add(until - from, to: number)
        from = until
      }
    }
  }

  /// A sum for each second. Most times lie in the second of the one before.
  fileprivate struct BySecond: Sendable {
    private var sums: [Int64: Int64] = [:]
    private var last: (number: Int64, sum: Int64) = (0, 0)

    mutating func add(_ time: Int64, to number: Int64) {
      if number != last.number {
        sums[last.number, default: 0] += last.sum
        last = (number, 0)
      }
      last.sum += time
    }

    /// ns.
    subscript(_ number: Int64) -> Int64 {
      (sums[number] ?? 0) + (number == last.number ? last.sum : 0)
    }
  }

  /// The seconds that the host's trace or the guest's counters cover, from `trace`, the span of the
  /// trace, and what the vCPUs did in it; `vcpus` is how many the guest has.
  public static func rows(
    _ sums: Sums?, trace: Span?, vcpus: Int, reports: [Report]
  ) -> [Row] {
    let spans = [trace].compactMap(\.self) + reports.map(\.span)
    guard let first = spans.map(\.from).min(), let last = spans.map(\.to).max(),
      first < last, last - first < mostSeconds * second
    else { return [] }
    var place = 0
    return (floor(first)...floor(last - 1)).compactMap { number in
      let whole = Span(from: number * second, to: (number + 1) * second)
      let covered = trace.map { $0.overlap(whole) }.flatMap { $0 >= leastCovered ? $0 : nil }
      while place < reports.count, reports[place].span.to <= whole.from { place += 1 }
      let told = reported(reports[place...], whole)
      guard covered != nil || told != nil else { return nil }
      let waited = covered.map { _ in sums?.waited[number] ?? 0 }
      return Row(
        at: whole.from, covered: covered, waited: waited,
        ran: covered.map { _ in sums?.ran[number] ?? 0 },
        measured: waited.flatMap { waited in
          covered.map { 100 * Double(waited) / (Double($0) * Double(max(1, vcpus))) }
        },
        reported: told?.stolen, busy: told?.busy)
    }
  }

  private static func floor(_ time: Int64) -> Int64 {
    time >= 0 ? time / second : -((-time + second - 1) / second)
  }

  /// The reports that lie over a second, each by its part; nil when they cover less than half of it.
  private static func reported(
    _ reports: ArraySlice<Report>, _ whole: Span
  ) -> (stolen: Double, busy: Double?)? {
    var covered: Int64 = 0
    var stolen = 0.0
    var busy: Double? = 0
    for report in reports {
      guard report.span.from < whole.to else { break }
      let part = report.span.overlap(whole)
      guard part > 0 else { continue }
      covered += part
      stolen += report.stolen * Double(part)
      busy = busy.flatMap { sum in report.busy.map { sum + $0 * Double(part) } }
    }
    guard covered >= leastReported else { return nil }
    return (stolen / Double(covered), busy.map { $0 / Double(covered) })
  }
}
