/// Rows for stretches of time that overlap: each gets the lowest that is free. They come in the order in
/// which they begin.
struct Lanes {
  /// When each is free again.
  private var ends: [Int64] = []

  /// A lane that is free from one time, and taken until another.
  mutating func take(from: Int64, to: Int64) -> Int {
    if let free = ends.firstIndex(where: { $0 <= from }) {
      ends[free] = to
      return free
    }
    ends.append(to)
    return ends.count - 1
  }
}
