/// What a counter that grows did from one reading to the next.
public enum CounterStepKind: Int64, Sendable {
  /// It grew, or stood still.
  case grew = 0
  /// It ran over 32 bits.
  case wrapped = 1
  /// It began again from 0, as others of its reading did.
  case reset = 2
  /// It fell while the others of its reading went on: the step is left out.
  case steppedBack = 3
}

/// Whether the counters of an object were reset between two readings, by all counters of the later one.
///
/// A reboot, a reloaded driver or a queue that was made anew sets all of them to 0. One that falls by itself does
/// not: iowait loses a tick now and then (proc(5)), stolen time is another's after a live migration.
public struct ResetEvidence: Sendable {
  /// Counters that fell, those of them that fell to a half or less, and those that did not fall.
  private var fell = 0
  private var fellFar = 0
  private var held = 0

  /// Nothing was seen yet.
  public init() {}

  /// Takes a counter with what it was and what it is.
  public mutating func add(_ before: Int64, _ after: Int64) {
    // One that had not counted yet does not count here.
    guard before > 0 else { return }
    if after >= before {
      held += 1
    } else if CounterSeries.wrap(before, after) == nil {
      fell += 1
      if after <= before / 2 { fellFar += 1 }
    }
  }

  /// Whether they began anew: most of those that can tell fell to a half or less, or all of several fell. `inFileOrder`:
  /// the readings are of one file; the dates of two may be a moment off, so that a little less tells nothing.
  public func isReset(inFileOrder: Bool) -> Bool {
    2 * fellFar > fell + held || inFileOrder && held == 0 && fell > 1
  }
}

/// A counter over its readings, one after the other: the only place that computes its growth.
public struct CounterSeries: Sendable {
  /// What it was last.
  public private(set) var last: Int64
  /// What it was before it stepped back, until it is there again.
  private var high: Int64?

  /// A counter with its first reading.
  public init(_ first: Int64) { last = first }

  /// What it grew by where it ran over 32 bits: it was in their upper half, and the growth is less than that half.
  /// nil where that cannot be.
  public static func wrap(_ before: Int64, _ after: Int64) -> Int64? {
    let half = Int64(1) << 31
    guard after >= 0, after < before, before > half, before < 2 * half else { return nil }
    let growth = after - before + 2 * half
    return growth < half ? growth : nil
  }

  /// Goes on to the next reading; `isReset`: the counters of that reading began anew; `isNewBase`: where it is smaller
  /// than before it counts on from there, and will not come back to what it was. Never below 0.
  public mutating func step(
    to value: Int64, isReset: Bool, isNewBase: Bool = false
  ) -> (kind: CounterStepKind, growth: Int64) {
    let before = last
    last = value
    if value >= before {
      // What it had counted before it stepped back is not counted again.
      let from = high.map { value >= $0 ? max(before, $0) : before } ?? before
      if let top = high, value >= top { high = nil }
      let (growth, isTooMuch) = value.subtractingReportingOverflow(from)
      return (.grew, isTooMuch ? .max : growth)
    }
    if isReset {
      high = nil
      return (.reset, max(0, value))
    }
    if let growth = Self.wrap(before, value) {
      high = nil
      return (.wrapped, growth)
    }
    high = isNewBase ? nil : max(high ?? before, before)
    return (.steppedBack, 0)
  }
}
