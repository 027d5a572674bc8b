internal import TraceModel

/// Times in which a guest stood still as a whole: it was stopped and went on, or its host stood still with it.
///
/// Its clock may stand still with it; then it steps against the host's by as much as the pause is long, and the guest's
/// own traces show nothing. Or its clock goes on; then the traces of both have a gap. Either way its vCPUs neither run nor
/// wait for a CPU meanwhile, or nothing at all happens on the host: that is what tells a pause from a clock that was set,
/// from an idle guest and from a device that stalls.
public struct PauseSearch: Sendable {
  /// What is known of a guest and its host, all on the reference timeline, ns.
  public struct Evidence: Sendable {
    /// Where its clock steps.
    public var steps: [ClockStep] = []
    /// What the host's scheduler trace covers; nil without one that shows its vCPUs.
    public var covered: Span?
    /// When its vCPUs neither ran nor waited for a CPU.
    public var vcpus: [Span] = []
    /// When no thread of the host got or left a CPU, or was woken.
    public var host: [Span] = []
    /// The longest of both that are too short to be listed.
    public var shorter: (vcpus: Int64, host: Int64) = (0, 0)
    /// When requests of it were issued to the host's device, in order.
    public var requests: [Int64] = []
    /// When anything was seen of the host's devices, in order.
    public var hostRequests: [Int64] = []
    /// Its I/Os from Q to C, each with the moment when the host had completed it.
    public var ios: [(from: Int64, done: Int64, to: Int64)] = []

    /// Nothing known.
    public init() {}

    /// Whether anything may be a pause, before requests and I/Os are looked at.
    public var isWorthwhile: Bool {
      steps.contains { $0.length >= PauseSearch.leastStep }
        || (vcpus + host).contains { $0.to - $0.from >= PauseSearch.leastGap }
    }
  }

  /// A pause.
  public struct Pause: Sendable {
    /// Within which it lies, ns.
    public var range: Span
    /// How long it was, ns.
    public var length: Int64
    /// By how much that may be off, ns.
    public var error: Int64
    /// Whether the guest's clock stood still.
    public var isClockStill: Bool
    /// Whether nothing ran on its host, either.
    public var isHostStill: Bool
    /// The guest's I/Os that were in flight all the time.
    public var spanning: Int
    /// What shows that the guest stood still.
    public var shownBy: Sign
  }

  /// What shows a pause beside clock and gap, the surest first.
  public enum Sign: Sendable {
    /// Its vCPUs neither ran nor waited.
    case vcpus
    /// Nothing ran on the host.
    case host
    /// None of its requests came; no scheduler trace covers it.
    case requests
  }

  /// A pause that shows in a step of the clock is at least so long, ns: what is shorter is within what clocks do.
  static let leastStep: Int64 = 20_000_000
  /// One that shows in gaps alone.
  static let leastGap: Int64 = 100_000_000
  /// How many times such a gap is as long as all others of its kind, and how many there are at most.
  static let outlier: Int64 = 5
  static let mostOutliers = 8
  /// I/Os on either side that show a guest that was busy.
  static let fewestIOs = 10

  /// In order of time.
  public private(set) var pauses: [Pause] = []

  /// Looks for a guest's pauses.
  public init(_ evidence: Evidence) {
    for step in evidence.steps {
      if let pause = Self.pause(step, evidence) { pauses.append(pause) }
    }
    for (gap, usual, sign) in Self.outliers(evidence)
    where !pauses.contains(where: { $0.range.overlap(gap) > 0 }) {
      if let pause = Self.pause(gap, usual, sign, evidence) { pauses.append(pause) }
    }
    pauses.sort { $0.range.from < $1.range.from }
  }

  // MARK: The clock stands still

  private static func pause(_ step: ClockStep, _ evidence: Evidence) -> Pause? {
    guard step.length >= leastStep, step.length > 2 * step.error,
      step.window.from < step.window.to
    else { return nil }
    // A hypervisor stops the guest's clock a little before its vCPUs, and lets it go on a little later.
    let least = step.length - step.length / 10 - step.error
    // A step lies between two matched moments; its bounds may overlap.
    let window = Span(from: step.window.from - step.error, to: step.window.to + step.error)
    var found: (Span, Sign)?
    if let covered = evidence.covered, covered.overlap(window) >= least {
      // Where vCPUs ran on, somebody set the clock.
      let places = [(evidence.vcpus, Sign.vcpus), (evidence.host, .host)].lazy.compactMap {
        gaps, sign in place(gaps, in: window, least).map { ($0, sign) }
      }
      found = places.first
    } else {
      let gaps = gaps(between: evidence.requests, in: window)
      found = place(gaps, in: window, least).map { ($0, .requests) }
    }
    guard let (range, sign) = found else { return nil }
    return Pause(
      range: range, length: step.length, error: step.error, isClockStill: true,
      isHostStill: evidence.host.contains { 10 * $0.overlap(range) >= 9 * step.length },
      spanning: spanning(range, step.length, evidence), shownBy: sign)
  }

  /// The part of a window in which a silence of a length lies; nil where there is none. It may be one of several.
  private static func place(_ gaps: [Span], in window: Span, _ least: Int64) -> Span? {
    let long = gaps.filter { $0.overlap(window) >= least }.map {
      Span(from: max($0.from, window.from), to: min($0.to, window.to))
    }
    guard let first = long.first, let last = long.last else { return nil }
    return Span(from: first.from, to: last.to)
  }

  private static func gaps(between moments: [Int64], in window: Span) -> [Span] {
    let own = moments[
      moments.partitioningIndex { $0 > window.from }..<moments.partitioningIndex { $0 >= window.to }
    ]
    let ends = [window.from] + own + [window.to]
    return zip(ends, ends.dropFirst()).map { Span(from: $0, to: $1) }
  }

  // MARK: The clock goes on

  /// Silences that are far longer than all others of their kind, each with the longest of the others: an idle guest, or an
  /// idle host, has many.
  private static func outliers(_ evidence: Evidence) -> [(gap: Span, usual: Int64, sign: Sign)] {
    // Where nothing of the guest's I/O is seen any more, its disks' silence says nothing.
    guard let first = evidence.ios.lazy.map(\.from).min(),
      let last = evidence.ios.lazy.map(\.to).max()
    else { return [] }
    func outliers(
      _ gaps: [Span], _ shorter: Int64, _ sign: Sign
    ) -> [(gap: Span, usual: Int64, sign: Sign)] {
      let sorted = gaps.sorted { $0.to - $0.from > $1.to - $1.from }
      let lengths = sorted.map { $0.to - $0.from } + [shorter]
      let count = sorted.indices.prefix(mostOutliers).last { place in
        lengths[place] >= max(leastGap, outlier * lengths[place + 1])
      }
      return sorted.prefix(count.map { $0 + 1 } ?? 0).map { ($0, lengths[(count ?? 0) + 1], sign) }
    }
    let seen = evidence.host.filter { first <= $0.from && $0.to <= last }
    let host = outliers(seen, evidence.shorter.host, .host)
    let vcpus = outliers(evidence.vcpus, evidence.shorter.vcpus, .vcpus).filter { own in
      !host.contains { $0.gap.overlap(own.gap) > 0 }
    }
    return host + vcpus
  }

  private static func pause(
    _ gap: Span, _ usual: Int64, _ sign: Sign, _ evidence: Evidence
  ) -> Pause? {
    let length = gap.to - gap.from
    // Clocks have bounds.
    let inner = Span(from: gap.from + length / 20, to: gap.to - length / 20)
    func isWithin(_ moment: Int64) -> Bool { inner.from < moment && moment < inner.to }
    let waiting = evidence.ios.filter { io in
      io.from <= inner.from && io.to >= inner.to && (sign == .host || io.done <= inner.from)
    }
    let isStill =
      switch sign {
      // Where nothing runs on the host, nothing comes of its devices, either, nor of the guest's disks.
      case .host:
        (!waiting.isEmpty || isBusy(around: gap, evidence))
          && !evidence.hostRequests.contains(where: isWithin)
          && !evidence.ios.contains { isWithin($0.from) || isWithin($0.to) }
      // A vCPU that does not run may have nothing to do; but one that gets the interrupt of a completion runs at once.
      case .vcpus, .requests: !waiting.isEmpty
      }
    guard isStill else { return nil }
    // By so much it may have been silent anyway.
    return Pause(
      range: gap, length: length, error: usual, isClockStill: false,
      isHostStill: sign == .host,
      spanning: waiting.count, shownBy: sign)
  }

  /// Whether the guest's I/O goes on after a silence as it went before. Where it had come to its end, the host may have had
  /// nothing to do.
  private static func isBusy(around gap: Span, _ evidence: Evidence) -> Bool {
    let length = gap.to - gap.from
    let before = evidence.ios.count { $0.from <= gap.from && gap.from - $0.from < length }
    let after = evidence.ios.count { $0.from >= gap.to && $0.from - gap.to < length }
    return min(before, after) >= fewestIOs && max(before, after) <= 4 * min(before, after)
  }

  /// How many I/Os were in flight while the guest stood still: on the host's clock they took as long at least.
  private static func spanning(_ range: Span, _ length: Int64, _ evidence: Evidence) -> Int {
    let least = length - length / 10
    return evidence.ios.count { Span(from: $0.from, to: $0.to).overlap(range) >= least }
  }
}
