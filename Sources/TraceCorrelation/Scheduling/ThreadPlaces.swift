/// Gives threads places counted from 0, by their numbers. The threads of a trace are numbered one after the other, so that a
/// place is looked up, not hashed: a trace has as many look-ups as switches.
public struct ThreadPlaces: Sendable {
  /// The threads, by place.
  public private(set) var threads: [Int64] = []
  @usableFromInline let first: Int64
  /// By number, from ``first`` on; -1 for one that was not met.
  @usableFromInline var near: [Int32]
  /// Of numbers that lie far from the others.
  @usableFromInline var far: [Int64: Int32] = [:]

  /// For threads of which most have the given numbers. None has a place yet.
  public init(_ numbers: some Sequence<Int64>) {
    var (low, high, count) = (Int64.max, Int64.min, 0)
    for number in numbers {
      (low, high, count) = (min(low, number), max(high, number), count + 1)
    }
    let (length, isTooLong) = high.subtractingReportingOverflow(low)
    let isNear = count > 0 && !isTooLong && length < 4 * Int64(count) + 1_024
    first = isNear ? low : 0
    near = isNear ? [Int32](repeating: -1, count: Int(length) + 1) : []
  }

  /// With a place for each of the given threads, in their order.
  public init(of threads: some Collection<Int64>) {
    self.init(threads)
    for thread in threads { _ = place(of: thread) }
  }

  /// Whether a thread has a place.
  @inlinable
  public func contains(_ thread: Int64) -> Bool { known(thread) != nil }

  /// The place of a thread; nil where it has none.
  @inlinable
  public func known(_ thread: Int64) -> Int? {
    let index = Int(truncatingIfNeeded: thread &- first)
    if near.indices.contains(index) { return near[index] < 0 ? nil : Int(near[index]) }
    return far.isEmpty ? nil : far[thread].map { Int($0) }
  }

  /// The place of a thread, the next one where it has none.
  @inlinable
  public mutating func place(of thread: Int64) -> Int { known(thread) ?? add(thread) }

  @usableFromInline
  mutating func add(_ thread: Int64) -> Int {
    let place = threads.count
    threads.append(thread)
    let index = Int(truncatingIfNeeded: thread &- first)
    if near.indices.contains(index) {
      near[index] = Int32(place)
    } else {
      far[thread] = Int32(place)
    }
    return place
  }
}
