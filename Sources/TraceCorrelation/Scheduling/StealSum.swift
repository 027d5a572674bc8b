/// A guest's own account of stolen time beside what its virtual CPUs waited for on the host.
public struct StealSum: Sendable {
  /// What the guest says of an interval, on the reference timeline.
  public struct Account: Sendable {
    /// When, ns.
    public let span: Span
    /// How much was stolen, all virtual CPUs together, ns.
    public let stolen: Double
    /// Percent of the CPU time used.
    public let busy: Double?

    /// A sample.
    public init(span: Span, stolen: Double, busy: Double?) {
      self.span = span
      self.stolen = stolen
      self.busy = busy
    }
  }

  /// The samples' span on the reference; nil where they are not on it.
  public var span: Span?
  /// Samples.
  public var samples: Int
  /// Percent of the virtual CPUs' time, as the guest says.
  public var reported: Double
  /// The same, as the host's trace shows.
  public var measured: Double
  /// Percent that the guest used.
  public var busy: Double?
  /// By how many points they may differ.
  public var tolerance: Double?

  /// KVM guests and their hosts were seen to differ by up to 24 % where everything was known: ticks of 10 ms,
  /// samples that a starved guest takes late.
  private static let spread = 0.25

  /// Over the samples that lie within the trace; nil when none does. `rounding` is what a sample may be off
  /// by itself, in points, `error` the clock's bound, ns.
  public init?(
    _ accounts: [Account], _ timelines: [ThreadTimeline], trace: Span, vcpus: Int,
    rounding: Double, error: Int64
  ) {
    let inside = accounts.filter { $0.span.from >= trace.from && $0.span.to <= trace.to }
    guard let first = inside.map(\.span.from).min(), let last = inside.map(\.span.to).max() else {
      return nil
    }
    var length = 0.0
    var stolen = 0.0
    var waited = 0.0
    var used: Double? = 0
    for account in inside {
      let own = Double(account.span.to - account.span.from)
      length += own
      stolen += account.stolen
      used = used.flatMap { sum in account.busy.map { sum + $0 * own } }
      for timeline in timelines {
        for wait in timeline.waits.clipped(to: account.span) {
          waited += Double(wait.to - wait.from)
        }
      }
    }
    let whole = length * Double(vcpus)
    guard whole > 0 else { return nil }
    span = Span(from: first, to: last)
    samples = inside.count
    reported = 100 * stolen / whole
    measured = 100 * waited / whole
    busy = used.map { $0 / length }
    tolerance =
      Self.spread * max(reported, measured) + rounding + 100 * 2 * Double(error) / length
  }

  /// Over all there is of either, where no clock ties them.
  public init?(
    unplaced accounts: [Account], _ timelines: [ThreadTimeline], trace: Span, vcpus: Int
  ) {
    let length = accounts.reduce(0.0) { $0 + Double($1.span.to - $1.span.from) }
    guard length > 0, trace.to > trace.from else { return nil }
    samples = accounts.count
    reported = 100 * accounts.reduce(0) { $0 + $1.stolen } / (length * Double(vcpus))
    let waited = timelines.reduce(0) { $0 + $1.waits.reduce(0) { $0 + $1.to - $1.from } }
    measured = 100 * Double(waited) / (Double(trace.to - trace.from) * Double(vcpus))
    let used = accounts.compactMap { account in
      account.busy.map { $0 * Double(account.span.to - account.span.from) }
    }
    busy = used.count == accounts.count ? used.reduce(0, +) / length : nil
  }
}
