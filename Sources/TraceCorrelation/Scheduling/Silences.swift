/// Stretches of time in which nothing of what is looked at happened, out of what did, taken in the order of its ends. An
/// hour of a trace has at most as many as fit into it; nothing else is kept.
public struct Silences: Sendable {
  /// A silence is at least so long, ns.
  public static let least: Int64 = 20_000_000

  /// The silences so far, in order of time.
  public private(set) var gaps: [Span] = []
  /// The longest time without anything that is too short to be one, ns.
  public private(set) var longestOther: Int64 = 0
  private var last: Int64?

  /// Nothing seen yet: silences lie between things, not before the first or behind the last.
  public init() {}

  /// Takes a stretch in which something happened; a moment is one without a length.
  @inline(__always)
  public mutating func see(from: Int64, to: Int64) {
    guard let last else {
      self.last = to
      return
    }
    if from - last >= Self.least {
      gaps.append(Span(from: last, to: from))
    } else if let gap = gaps.last, from < gap.to {
      fill(from, to)
    } else if from - last > longestOther {
      longestOther = from - last
    }
    if to > last { self.last = to }
  }

  /// What ends after a silence may have begun within it, or before.
  private mutating func fill(_ from: Int64, _ to: Int64) {
    var place = gaps.count
    var left: [Span] = []
    while place > 0, gaps[place - 1].to > from {
      place -= 1
      let gap = gaps[place]
      if to < gap.to { left.append(Span(from: max(to, gap.from), to: gap.to)) }
      if from > gap.from { left.append(Span(from: gap.from, to: from)) }
    }
    gaps.removeLast(gaps.count - place)
    gaps.append(contentsOf: left.reversed().filter { $0.to - $0.from >= Self.least })
  }
}
