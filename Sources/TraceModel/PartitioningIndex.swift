extension RandomAccessCollection where Index == Int {
  /// The first place whose element satisfies what all behind it do; the end where none does.
  @inlinable
  public func partitioningIndex(_ isBehind: (Element) -> Bool) -> Int {
    var low = startIndex
    var high = endIndex
    while low < high {
      let middle = (low + high) / 2
      if isBehind(self[middle]) { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
