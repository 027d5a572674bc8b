internal import TraceModel

/// A guest's own account of stolen time beside what its virtual CPUs waited for on the host.
///
/// A guest counts its time by ticks, and what it runs between ticks that come late or not at all it does not
/// count: the guests of six captures counted 55 to 72 % of the time that passed. Stolen time comes from the
/// host and is whole. So a tool that prints percent of what was counted (vmstat, top) shows more than the part of
/// the time that was stolen, and only `/proc/stat` tells how much more.
public struct StealSum: Sendable {
  /// What the guest says of an interval, on the reference timeline.
  public struct Account: Sendable {
    /// When, ns.
    public let span: Span
    /// Percent of what it counted that was stolen.
    public let stolen: Double
    /// Percent of it that was used.
    public let busy: Double?
    /// How much it counted, all virtual CPUs together, ns; nil where the tool does not say.
    public let counted: Double?
    /// How long after its begin and its end it may have been read: a starved guest writes a date and reads
    /// a file after that when it gets a CPU again, ns.
    public let late: (begin: Int64, end: Int64)

    /// A sample.
    public init(
      span: Span, stolen: Double, busy: Double?, counted: Double?,
      late: (begin: Int64, end: Int64) = (0, 0)
    ) {
      self.late = late
      self.span = span
      self.stolen = stolen
      self.busy = busy
      self.counted = counted
    }
  }

  /// What the two sides may differ by, each for its reason.
  public struct Doubts: Sendable {
    /// What the account may be off by because it was rounded, in points of what was counted.
    public var rounding: Double
    /// The bound of the guest's wall clock, ns.
    public var error: Int64
    /// By what part the kernel's own sum of the waits, which it tells the guest, differs from the waits
    /// between the switches that the trace shows.
    public var kernel: Double

    /// All of them.
    public init(rounding: Double, error: Int64, kernel: Double) {
      self.rounding = rounding
      self.error = error
      self.kernel = kernel
    }

    /// What the kernel's sums were seen to differ by at most, on six captures, for a trace that has none.
    public static let usualKernel = 0.05
  }

  /// The samples' span on the reference; nil where they are not on it.
  public private(set) var span: Span?
  /// Samples.
  public private(set) var samples: Int
  /// Percent of what the guest counted that was stolen.
  public private(set) var reported: Double
  /// Percent that the guest used.
  public private(set) var busy: Double?
  /// Percent of the virtual CPUs' time that the guest counted; nil where nothing tells.
  public private(set) var counted: Double?

  /// All virtual CPUs' time, ns.
  private let whole: Double
  private var waited: Double
  private let trace: Span
  /// The samples that count, in order of time.
  private var inside: [Account] = []
  private var doubts = Doubts(rounding: 0, error: 0, kernel: 0)
  /// What lies around the ends of the samples, ns.
  private var edges: Double = 0
  /// What the account changes by where its clock is off by its bound, ns.
  private var shifted: Double = 0

  /// A guest takes over what was stolen at its ticks, of which there are a hundred each second at least.
  private static let tick: Int64 = 10_000_000

  /// Over the samples that lie within the trace; nil when none does. Where the tool does not say what it
  /// counted, the readings of one that does tell.
  public init?(
    _ accounts: [Account], trace: Span, vcpus: Int, counted readings: [Account], _ doubts: Doubts
  ) {
    var inside = accounts.filter { $0.span.from >= trace.from && $0.span.to <= trace.to }
    let known = CountedTime(readings)
    // What was counted is known of some samples, or of none.
    let placed = inside.filter { $0.counted != nil || known?.within($0.span) != nil }
    if !placed.isEmpty { inside = placed }
    inside.sort { $0.span.from < $1.span.from }
    guard let first = inside.first, let last = inside.last else { return nil }
    span = Span(from: first.span.from, to: last.span.to)
    samples = inside.count
    let length = inside.reduce(0) { $0 + Double($1.span.to - $1.span.from) }
    whole = length * Double(vcpus)
    guard whole > 0 else { return nil }
    /// All that was counted, and stolen, where the samples are so far from where they seem to be.
    func sums(_ shift: Int64) -> (counted: Double, stolen: Double)? {
      var sums = (counted: 0.0, stolen: 0.0)
      for account in inside {
        let span = Span(from: account.span.from + shift, to: account.span.to + shift)
        guard let counted = account.counted ?? known?.within(span) else { return nil }
        sums.counted += counted
        sums.stolen += counted * account.stolen / 100
      }
      return sums
    }
    if !placed.isEmpty, let found = sums(0), found.counted > 0 {
      counted = 100 * found.counted / whole
      reported = 100 * found.stolen / found.counted
      // A shift past the readings says nothing.
      shifted =
        [-doubts.error, doubts.error].compactMap { sums($0)?.stolen }
        .map { abs($0 - found.stolen) }.max() ?? 0
    } else {
      reported =
        inside.reduce(0) { $0 + $1.stolen * Double($1.span.to - $1.span.from) } / length
    }
    busy = Self.busy(inside)
    waited = 0
    self.trace = trace
    self.inside = inside
    self.doubts = doubts
  }

  /// Over all there is of either, where no clock ties them; `waited`: in the whole trace, ns.
  public init?(unplaced accounts: [Account], trace: Span, vcpus: Int, waited: Int64) {
    let length = accounts.reduce(0.0) { $0 + Double($1.span.to - $1.span.from) }
    guard length > 0, trace.to > trace.from else { return nil }
    samples = accounts.count
    let all = accounts.reduce(0) { $0 + ($1.counted ?? 0) }
    if accounts.allSatisfy({ $0.counted != nil }), all > 0 {
      counted = 100 * all / (length * Double(vcpus))
      reported = accounts.reduce(0) { $0 + $1.stolen * ($1.counted ?? 0) } / all
    } else {
      reported =
        accounts.reduce(0) { $0 + $1.stolen * Double($1.span.to - $1.span.from) } / length
    }
    busy = Self.busy(accounts)
    whole = Double(trace.to - trace.from) * Double(vcpus)
    self.waited = Double(waited)
    self.trace = trace
  }

  private static func busy(_ accounts: [Account]) -> Double? {
    func weight(_ account: Account) -> Double {
      account.counted ?? Double(account.span.to - account.span.from)
    }
    let used = accounts.compactMap { account in account.busy.map { $0 * weight(account) } }
    let all = accounts.reduce(0) { $0 + weight($1) }
    return used.count == accounts.count && all > 0 ? used.reduce(0, +) / all : nil
  }

  /// Adds a wait of one of its virtual CPUs, where the samples are on the reference.
  public mutating func add(_ wait: Span) {
    guard let span else { return }
    var place = inside.partitioningIndex { $0.span.to > wait.from }
    while place < inside.count, inside[place].span.from < wait.to {
      waited += Double(wait.overlap(inside[place].span))
      place += 1
    }
    // Since the last tick before the guest was read, as much as its clock may be off, and as late as it may have been
    // read; all of a wait that goes on then, which the guest is told of when it is over.
    let late = (inside.first?.late.begin ?? 0, inside.last?.late.end ?? 0)
    for (edge, late) in [(span.from, late.0), (span.to, late.1)] {
      let until = edge + doubts.error + late
      if wait.from < until, wait.to > edge - doubts.error - Self.tick {
        edges += Double(min(wait.to, until) - wait.from)
      }
    }
  }

  /// Percent of the virtual CPUs' time that they waited, as the host's trace shows.
  public var measured: Double { 100 * waited / whole }

  /// Percent of the virtual CPUs' time that the guest says was stolen; nil where it is not known how much time it
  /// counted.
  public var stolen: Double? { counted.map { reported * $0 / 100 } }

  /// By how many points of the virtual CPUs' time the two may differ; nil where no clock ties them.
  public var tolerance: Double? {
    guard span != nil else { return nil }
    // /proc/stat has ticks of 10 ms.
    let cut = 100 * 2 * Double(Self.tick) / whole
    return doubts.kernel * measured + doubts.rounding * (counted ?? 100) / 100
      + cut + 100 * (edges + shifted) / whole
  }

  /// Whether they differ by no more than that. Nil where no clock ties them, and where the guest says more
  /// than the host and may have counted less time than passed.
  public var agrees: Bool? {
    guard let tolerance else { return nil }
    if let stolen { return abs(stolen - measured) <= tolerance }
    if reported < measured - tolerance { return false }
    return reported <= measured + tolerance ? true : nil
  }
}

/// How much time a guest counted, by readings one after the other.
private struct CountedTime {
  /// Moments of the reference, and what was counted until each, ns.
  private var moments: [Int64] = []
  private var sums: [Double] = []

  /// Nil where no reading tells, or one is missing in between.
  init?(_ readings: [StealSum.Account]) {
    for reading in readings.sorted(by: { $0.span.from < $1.span.from }) {
      guard let counted = reading.counted else { return nil }
      if moments.isEmpty {
        moments = [reading.span.from]
        sums = [0]
      }
      guard moments.last == reading.span.from, let sum = sums.last else { return nil }
      moments.append(reading.span.to)
      sums.append(sum + counted)
    }
    guard moments.count > 1 else { return nil }
  }

  /// How much was counted in a stretch, evenly between two readings; nil outside of them, ns.
  func within(_ span: Span) -> Double? {
    guard let from = until(span.from), let to = until(span.to) else { return nil }
    return to - from
  }

  private func until(_ moment: Int64) -> Double? {
    let next = moments.partitioningIndex { $0 >= moment }
    guard next < moments.count else { return nil }
    if moments[next] == moment { return sums[next] }
    guard next > 0 else { return nil }
    let part = Double(moment - moments[next - 1]) / Double(moments[next] - moments[next - 1])
    return sums[next - 1] + part * (sums[next] - sums[next - 1])
  }
}
