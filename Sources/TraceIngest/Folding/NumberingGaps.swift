internal import TraceModel

/// Tells gaps in the numbering that a filter left from those of lost events.
///
/// A tracer that loses events loses many at once, at few places. `blkparse -a issue`, or grep, leaves out lines all over
/// the text: a large share of its lines follow a gap, and often a whole kind of event is nowhere, which those that are
/// there cannot do without; or all requests are of one direction (`blkparse -a read`), and those that are there are
/// whole, which lost lines would not leave them.
struct NumberingGaps {
  /// Gaps found, and their sizes by powers of two.
  private var count: Int64 = 0
  private var sizes = [Int64](repeating: 0, count: 33)
  /// One bit for each action seen.
  private var actions: UInt32 = 0
  /// All letters seen.
  private var letters: RWBS = []

  /// So many gaps at least show that they are regular.
  private static let fewest: Int64 = 8
  /// A gap this many times as large as nine of ten is none of the filter's.
  private static let outlier: Int64 = 64

  init() {}

  /// Notes the action and the letters of an event.
  @inline(__always)
  mutating func note(_ event: BlockEvent) {
    actions |= 1 << UInt32(event.action.rawValue)
    letters.formUnion(event.rwbs)
  }

  /// Notes a gap of so many events.
  mutating func note(gap events: Int64) {
    count += 1
    sizes[Int.bitWidth - max(1, Int(clamping: events)).leadingZeroBitCount] += 1
  }

  /// The largest gap that a filter explains, among so many events of the text; 0 where there is no filter.
  /// `parts` is the number of requests that lack their beginning or end, once that is known.
  func explained(of events: Int64, parts: Int64? = nil) -> Int64 {
    guard count >= 2, events > 0 else { return 0 }
    let share = Double(count) / Double(events)
    let isFiltered =
      count >= Self.fewest && (share >= 0.2 || share >= 0.02 && isOneWay && isWhole(parts))
      || lacksAnAction && share >= 0.02
    guard isFiltered else { return 0 }
    var below: Int64 = 0
    for (power, number) in sizes.enumerated() {
      below += number
      if below * 10 >= count * 9 { return Self.outlier << Int64(min(power, 32)) }
    }
    return .max
  }

  /// Whether all is of one direction.
  private var isOneWay: Bool {
    letters.contains(.read) != !letters.isDisjoint(with: [.write, .discard])
  }

  /// Whether far fewer requests lack a part than lines were left out: each loss would cut some.
  private func isWhole(_ parts: Int64?) -> Bool { parts.map { $0 * 4 <= count } ?? false }

  /// Whether an action is nowhere without which the others do not happen: what has a `D` had a `Q`, and gets a `C`.
  private var lacksAnAction: Bool {
    func has(_ action: BlockAction) -> Bool { actions >> UInt32(action.rawValue) & 1 == 1 }
    let ofRequests = has(.getRequest) || has(.insert) || has(.issue)
    if !has(.complete) || !has(.queue) { return true }
    if ofRequests, !has(.issue) || !has(.getRequest) { return true }
    return has(.unplug) && !has(.plug)
  }
}
