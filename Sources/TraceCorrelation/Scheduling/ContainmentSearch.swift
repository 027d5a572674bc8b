internal import TraceModel

/// Finds the clock of a scheduler trace out of who queued a bio when: that thread was on a CPU.
///
/// Each such moment lies within a stay of its thread. The offset under which most moments do is found by
/// voting, first coarsely; then every moment and its stay bound the clock from both sides, as a matched
/// request does: the stay began before the moment and ended after it.
public struct ContainmentSearch: Sendable {
  /// Hands out the stays of all threads on the scheduler's clock that may have a part in a stretch, each
  /// thread's in order. They are read again for each question, so that none is kept.
  public typealias Stays = (_ stretch: Span, _ body: (_ thread: Int64, _ stay: Span) -> Void) throws
    -> Void

  private let threads: [Int64: ThreadExtent]
  /// When it queued something, on the block trace's clock, all threads in order.
  private let moments: [(at: Int64, thread: Int64)]

  private static let fewestVoters = 12
  /// Products of moments and stays that are looked at in one vote.
  private static let mostPairs = 60_000_000
  /// Share of the voters that must agree, and that chance must not reach.
  private static let leastShare = 0.9
  private static let mostByChance = 0.93
  /// Of the time that the voters span, where long stays do not vote.
  private static let longestShare = 0.25
  /// Texts have microseconds, and the two stamps of one switch or bio are not taken at once, ns.
  private static let slack: Int64 = 2_000

  /// What is known of threads by their id, and for each bio when and by whom it was queued.
  public init(_ threads: [Int64: ThreadExtent], moments: [(at: Int64, thread: Int64)]) {
    self.threads = threads
    self.moments = moments.filter { threads[$0.thread]?.stays != nil }.sorted {
      ($0.at, $0.thread) < ($1.at, $1.thread)
    }
  }

  /// The clock; nil when too few moments agree on one. `hint`: an offset that is known within a bound, ns.
  public func clock(
    hint: (offset: Int64, bound: Int64)? = nil, reading stays: Stays
  ) throws -> SchedulerClock? {
    guard moments.count >= Self.fewestVoters else { return nil }
    // A host that stood still leaves one stay, of the thread that was on a CPU then, which holds all moments
    // of a window under many offsets. Where that lets chance do as well as the truth, only shorter ones vote.
    return try clock(hint, longest: nil, stays) ?? clock(hint, longest: Self.longestShare, stays)
  }

  /// `longest`: the share of the time between the first and the last voter that a stay lasts at most which votes;
  /// nil: all vote.
  private func clock(
    _ hint: (offset: Int64, bound: Int64)?, longest: Double?, _ stays: Stays
  ) throws -> SchedulerClock? {
    // Many moments tell more, but the two clocks drift apart between the first and the last of them: then
    // fewer, or allowing for a drift.
    for (voters, drift) in [(400, 0.0), (120, 0), (40, 0), (400, 60e-6)] {
      var best: (window: Range<Int>, peak: OffsetHistogram.Peak)?
      for part in [2, 1, 3, 0, 4] {
        let window = window(part, voters)
        guard let peak = try vote(moments[window], drift: drift, longest: longest, hint, stays),
          peak.share >= Self.leastShare, peak.byChance <= Self.mostByChance * peak.share
        else { continue }
        if peak.share - peak.byChance > best.map({ $0.peak.share - $0.peak.byChance }) ?? 0 {
          best = (window, peak)
        }
        if peak.share > 0.98, peak.byChance < 0.6 { break }
      }
      if let best, let clock = try fit(around: best.window, best.peak, stays) {
        return .fitted(clock)
      }
    }
    return nil
  }

  /// A fifth of the way through the moments each: where one tool was not running yet, nobody agrees.
  private func window(_ part: Int, _ voters: Int) -> Range<Int> {
    let size = min(voters, moments.count)
    let start = (moments.count - size) * part / 4
    return start..<(start + size)
  }

  private func vote(
    _ voters: ArraySlice<(at: Int64, thread: Int64)>, drift: Double, longest: Double?,
    _ hint: (offset: Int64, bound: Int64)?, _ stays: Stays
  ) throws -> OffsetHistogram.Peak? {
    let length = (voters.last?.at ?? 0) - (voters.first?.at ?? 0)
    let slack = Self.slack + Int64(drift * Double(length) / 2)
    let pairs = voters.reduce(0) { $0 + (threads[$1.thread]?.runs ?? 0) }
    let stride = hint == nil ? max(1, pairs / Self.mostPairs) : 1
    var low = Int64.max
    var high = Int64.min
    for voter in voters {
      guard let own = threads[voter.thread]?.stays else { continue }
      low = min(low, voter.at - own.last.to)
      high = max(high, voter.at - own.first.from)
    }
    if let hint {
      low = max(low, hint.offset - hint.bound)
      high = min(high, hint.offset + hint.bound)
    }
    guard low < high else { return nil }
    let chosen = voters.enumerated().filter { $0.offset % stride == 0 }.map(\.element)
    guard chosen.count >= Self.fewestVoters else { return nil }
    var histogram = OffsetHistogram(chosen, offsets: Span(from: low, to: high), slack: slack)
    let reach = Span(
      from: (voters.first?.at ?? 0) - high - slack, to: (voters.last?.at ?? 0) - low + slack)
    let most = longest.map { Int64($0 * Double(length)) } ?? .max
    try stays(reach) { thread, stay in
      if stay.to - stay.from <= most { histogram.add(thread, stay) }
    }
    return histogram.peak()
  }

  // MARK: - Bounds

  /// From the moments that voted outwards: the clock found so far tells which stay a moment lies in, until
  /// all moments bind it.
  private func fit(
    around window: Range<Int>, _ peak: OffsetHistogram.Peak, _ stays: Stays
  ) throws -> GuestClock? {
    var reach = window
    var clock: GuestClock?
    while true {
      var pairs: [CausalPair] = []
      var times: [Int64] = []
      for (moment, stay) in zip(moments[reach], try only(moments[reach], clock, peak, stays)) {
        guard let stay else { continue }
        pairs.append(
          CausalPair(
            cause: stay.from - Self.slack, effect: moment.at, answer: moment.at,
            end: stay.to + Self.slack))
        times += [stay.from, stay.to]
      }
      guard pairs.count >= Self.fewestVoters,
        let better = GuestClock(ClockFit.fit(pairs), moments: times.sorted())
      else { return clock }
      clock = better
      if reach.lowerBound == 0, reach.upperBound == moments.count { return clock }
      let more = max(reach.count, 16)
      reach =
        max(0, reach.lowerBound - more)..<min(moments.count, reach.upperBound + more)
    }
  }

  /// Where a moment may lie on the scheduler's clock.
  private struct Guess {
    let number: Int
    let span: Span
  }

  /// Of each moment the only stay in which it can lie; nil where there is none, or another one.
  private func only(
    _ moments: ArraySlice<(at: Int64, thread: Int64)>, _ clock: GuestClock?,
    _ peak: OffsetHistogram.Peak, _ stays: Stays
  ) throws -> [Span?] {
    let offset = (peak.low + peak.high) / 2
    var guesses: [Int64: [Guess]] = [:]
    var all = Span(from: .max, to: .min)
    var widest: Int64 = 0
    for (number, moment) in moments.enumerated() {
      // The clock runs forward, so its inverse is near enough at the same offset.
      let guess =
        moment.at
        - (clock.map { $0.reference(moment.at - offset) - (moment.at - offset) } ?? offset)
      let error =
        (clock.map { min($0.error(at: guess), 20_000_000) } ?? (peak.high - peak.low) / 2)
        + Self.slack
      let span = Span(from: guess - error, to: guess + error)
      guesses[moment.thread, default: []].append(Guess(number: number, span: span))
      all = Span(from: min(all.from, span.from), to: max(all.to, span.to))
      widest = max(widest, 2 * error)
    }
    for thread in guesses.keys { guesses[thread]?.sort { $0.span.from < $1.span.from } }
    var found = [Span?](repeating: nil, count: moments.count)
    var isTaken = [Bool](repeating: false, count: moments.count)
    try stays(all) { thread, stay in
      guard let own = guesses[thread] else { return }
      var place = own.partitioningIndex { $0.span.from >= stay.from - widest }
      while place < own.count, own[place].span.from < stay.to {
        let guess = own[place]
        if stay.from <= guess.span.to {
          found[guess.number] = isTaken[guess.number] ? nil : stay
          isTaken[guess.number] = true
        }
        place += 1
      }
    }
    return found
  }
}
