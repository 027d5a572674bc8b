internal import TraceModel

/// Tells gaps in the numbering that a filter left from those of lost events.
///
/// A tracer that loses events loses many at once, at few places. `blkparse -a issue`, or grep, leaves out lines all over
/// the text: a large share of its lines follow a gap, and often a whole kind of event is nowhere, which those that are
/// there cannot do without; or those requests that are there are whole (`blkparse -a read`, a program of one's own that
/// keeps every third request), which lost lines would not leave them.
struct NumberingGaps {
  /// Gaps found, and their sizes by powers of two.
  private var count: Int64 = 0
  private var sizes = [Int64](repeating: 0, count: 33)
  /// One bit for each action seen.
  private var actions: UInt32 = 0
  /// Whether the requests of the part that was looked at last are whole.
  private var isWholeSoFar = false
  /// From so many events on another part is looked at.
  private var nextLook: Int64 = 0

  /// So many gaps at least show that they are regular.
  private static let fewest: Int64 = 8
  /// A filter leaves a gap before this share of the lines at least.
  private static let leastShare = 0.02
  /// A gap this many times as large as nine of ten is none of the filter's.
  private static let outlier: Int64 = 64

  init() {}

  /// Notes the action of an event.
  @inline(__always)
  mutating func note(_ event: BlockEvent) { actions |= 1 << UInt32(event.action.rawValue) }

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
      count >= Self.fewest
      && (share >= 0.2 || share >= Self.leastShare && (parts.map(isWhole) ?? isWholeSoFar))
      || lacksAnAction && share >= Self.leastShare
    guard isFiltered else { return 0 }
    var below: Int64 = 0
    for (power, number) in sizes.enumerated() {
      below += number
      if below * 10 >= count * 9 { return Self.outlier << Int64(min(power, 32)) }
    }
    return .max
  }

  /// Whether far fewer requests lack a part than lines were left out: each loss would cut some.
  private func isWhole(_ parts: Int64) -> Bool { parts * 4 <= count }

  // MARK: - Whole requests

  /// Whether it is time to look whether requests are whole: after so many events of the text.
  func wantsLook(of events: Int64) -> Bool {
    events >= nextLook && count >= Self.fewest
      && Double(count) >= Self.leastShare * Double(events)
  }

  /// Looks whether requests are whole in these events, of so many that the text had up to them.
  mutating func look(at part: [BlockEvent], of events: Int64) {
    nextLook = 2 * events
    let gaps = Double(count) / Double(max(1, events)) * Double(part.count / 2)
    // Few may lie between whole requests by chance.
    isWholeSoFar = gaps >= Double(Self.fewest) && Double(4 * Self.cutRequests(of: part)) <= gaps
  }

  private struct Place: Hashable {
    let device: DeviceNumber
    let sector: Int64
    let direction: RWBS
  }

  /// Requests that end in the second half and did not begin, or were issued in the first and did not end.
  private static func cutRequests(of part: [BlockEvent]) -> Int {
    var queued: Set<Place> = []
    var issued: [Place: Int] = [:]
    var cut = 0
    for (number, event) in part.enumerated() where event.sectors > 0 {
      let place = Place(
        device: event.device, sector: event.sector, direction: event.rwbs.direction)
      let isLater = number >= part.count / 2
      switch event.action {
      case .queue: queued.insert(place)
      case .issue:
        if isLater, !queued.contains(place) { cut += 1 }
        issued[place] = number
      case .complete:
        if issued.removeValue(forKey: place) == nil, isLater { cut += 1 }
        queued.remove(place)
      case .split:
        queued.insert(
          Place(device: event.device, sector: event.other, direction: event.rwbs.direction))
      default: break
      }
    }
    return cut + issued.values.count { $0 < part.count / 2 }
  }

  /// Whether an action is nowhere without which the others do not happen: what has a `D` had a `Q`, and gets a `C`.
  private var lacksAnAction: Bool {
    func has(_ action: BlockAction) -> Bool { actions >> UInt32(action.rawValue) & 1 == 1 }
    let ofRequests = has(.getRequest) || has(.insert) || has(.issue)
    if !has(.complete) || !has(.queue) { return true }
    if ofRequests, !has(.issue) || !has(.getRequest) { return true }
    return has(.unplug) && !has(.plug)
  }
}
