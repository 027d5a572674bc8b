/// The picture that `perf sched map` prints, which has no thread ids after the first mention and no
/// wakeups. It is not read.
///
///       *A0         900.803815 secs A0 => migration/0:18
enum PerfSchedMap {
  /// What to do instead.
  static let hint =
    "this is perf sched map, a picture without wakeups; give the perf.data that it was made of"

  /// Whether most of the first lines are rows of the map.
  static func isMap(_ head: Span<UInt8>) -> Bool {
    var rows = 0
    var lines = 0
    TracepointHead.lines(head) { line in
      guard !line.isEmpty else { return }
      lines += 1
      var at = line.lowerBound
      while at < line.upperBound {
        guard let found = head.find(" secs ", from: at, line.upperBound) else { return }
        var end = found
        if head.decimalBefore(&end, line.lowerBound) != nil, end > line.lowerBound,
          head[end - 1] == UInt8(ascii: ".")
        {
          rows += 1
          return
        }
        at = found + 1
      }
    }
    return rows > 0 && rows * 2 > lines
  }
}
