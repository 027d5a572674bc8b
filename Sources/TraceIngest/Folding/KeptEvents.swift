/// Events on their way to a sink that wants them as they were read, some thousands at a time. Where it does not
/// want them, an event costs one comparison.
struct KeptEvents<Event> {
  /// Whether there is anything to do.
  let isWanted: Bool
  private var pending: [Event] = []
  private var segment: Int32 = 0

  private static var batchSize: Int { 4096 }

  init(isWanted: Bool) { self.isWanted = isWanted }

  /// Takes an event in a stretch of the trace, and hands on what has gathered.
  mutating func add(
    _ event: Event, segment: Int32, to receive: ([Event], Int32) throws -> Void
  ) rethrows {
    if pending.count >= Self.batchSize || segment != self.segment { try flush(to: receive) }
    self.segment = segment
    pending.append(event)
  }

  /// Hands on what is left.
  mutating func flush(to receive: ([Event], Int32) throws -> Void) rethrows {
    guard !pending.isEmpty else { return }
    try receive(pending, segment)
    pending.removeAll(keepingCapacity: true)
  }
}
