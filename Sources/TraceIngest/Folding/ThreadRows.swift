internal import TraceModel

/// Gives threads their rows: one to each, and after very many one to all others together.
///
/// What is done with the rows later needs them in memory. The threads of the common row are followed as all are;
/// only their sums are not told apart.
struct ThreadRows {
  /// Threads that have a row of their own: a host that starts a thousand in each second reaches that after nine
  /// minutes.
  static let mostOwn = 1 << 19

  private let mostOwn: Int
  private var own = 0
  private var others: TracedThread?
  /// Threads without a row of their own.
  private(set) var addedUp: Int64 = 0

  init(mostOwn: Int = Self.mostOwn) { self.mostOwn = mostOwn }

  /// The number of a new thread's row. The idle tasks always have their own: without them waits have no culprit.
  mutating func number(for tid: UInt32, segment: Int32, _ sink: any EventSink) -> Int64 {
    guard own >= mostOwn, tid != 0 else {
      own += 1
      return sink.nextThreadID()
    }
    addedUp += 1
    if let others { return others.id }
    var row = TracedThread()
    row.id = sink.nextThreadID()
    // No kernel gives this number to a thread.
    row.tid = .max
    row.name = TaskName("(others)")
    row.segment = segment
    row.kernelWait = .min
    others = row
    return row.id
  }

  /// A thread has ended: its row, unless it is the common one, to which its sums are added.
  mutating func ended(_ row: TracedThread) -> TracedThread? {
    guard var others, others.id == row.id else { return row }
    others.add(row)
    self.others = others
    return nil
  }

  /// The common row, when all threads of a stretch have ended; nil when it was not needed.
  mutating func takeOthers() -> TracedThread? {
    defer { others = nil }
    return others
  }
}
