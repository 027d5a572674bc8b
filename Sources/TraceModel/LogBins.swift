/// Which values count as one in a histogram: below twice 2^bits each by itself, above that 2^bits to each power of two, so
/// that a bin is never wider than a 2^bits-th of what it holds. Bins are numbered in the order of what they hold, from 0
/// for 0.
public enum LogBins<let bits: Int> {
  /// The bin of a value.
  @inlinable @inline(__always)
  public static func bin(of value: UInt64) -> Int {
    let shift = max(0, UInt64.bitWidth - 1 - bits - value.leadingZeroBitCount)
    return shift << bits + Int(value >> UInt64(shift))
  }

  /// The power of two that a bin is wide.
  @inlinable
  public static func width(of bin: Int) -> Int { max(0, bin >> bits - 1) }

  /// The values of a bin; none of them may be above `Int64.max`.
  @inlinable
  public static func values(of bin: Int) -> ClosedRange<Int64> {
    let shift = width(of: bin)
    let low = Int64(bin - shift << bits) << Int64(shift)
    return low...low + (1 << Int64(shift) - 1)
  }
}
