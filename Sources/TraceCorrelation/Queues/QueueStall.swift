/// A time in which a queue held requests and none left it.
///
/// Only requests of which the trace shows both ends count, for one whose end was lost would seem to wait
/// for ever. At the end of the trace that cannot be told apart so easily: there, those count that entered
/// no earlier than the last that left had entered.
public struct QueueStall: Sendable, Equatable {
  /// When the last one left, or the first entered, ns.
  public let at: Int64
  /// How long, ns.
  public let length: Int64
  /// Requests in the queue when it began.
  public let held: Int
  /// Requests that entered meanwhile.
  public let joined: Int
  /// Whether the trace ended before one left.
  public let isOpen: Bool

  /// Shorter ones are not kept.
  static let shortest: Int64 = 20_000_000
  /// The longest are kept, no more of them.
  static let most = 100

  /// The stalls of a queue whose moments are in the order of time.
  static func find(in moments: [QueueDepth.Moment], end: Int64) -> [QueueStall] {
    var stalls: [QueueStall] = []
    var (held, depth, joined) = (0, 0, 0)
    var begin: Int64?
    var lastLeft: Int64?
    for moment in moments where moment.isWhole {
      if moment.change > 0 {
        if depth == 0 {
          (begin, held, joined) = (moment.at, 1, 0)
        } else {
          joined += 1
        }
        depth += 1
      } else {
        if let from = begin, moment.at - from >= shortest {
          stalls.append(
            QueueStall(
              at: from, length: moment.at - from, held: held, joined: joined, isOpen: false))
        }
        depth -= 1
        (begin, held, joined) = (depth > 0 ? moment.at : nil, depth, 0)
        lastLeft = moment.at
      }
    }
    if let lastLeft, let open = atEnd(moments, after: lastLeft, end: end) { stalls.append(open) }
    guard stalls.count > most else { return stalls }
    let kept = stalls.sorted { ($0.length, $1.at) > ($1.length, $0.at) }.prefix(most)
    return kept.sorted { $0.at < $1.at }
  }

  /// What entered last and never left, if the queue was silent from then to the trace's end.
  private static func atEnd(
    _ moments: [QueueDepth.Moment], after lastLeft: Int64, end: Int64
  ) -> QueueStall? {
    // The youngest of the whole stays entered here; what is older and has no end has lost it.
    guard let youngest = moments.last(where: { $0.isWhole && $0.change > 0 })?.at else {
      return nil
    }
    let pending = moments.filter { !$0.isWhole && $0.change > 0 && $0.at >= youngest }
    guard let first = pending.first?.at else { return nil }
    let from = max(lastLeft, first)
    guard end - from >= shortest else { return nil }
    let held = pending.count { $0.at <= from }
    return QueueStall(
      at: from, length: end - from, held: held, joined: pending.count - held, isOpen: true)
  }
}
