/// Sorts many whole numbers by their digits, which takes a fixed number of passes and compares nothing.
public enum NumberSort {
  /// Bits of a digit; its counts stay in the first cache.
  private static let bits = 11
  /// Of fewer numbers comparing is faster.
  private static let fewest = 256

  /// Sorts numbers, the least first.
  public static func sort(_ numbers: inout [Int64]) {
    guard let bounds = bounds(of: numbers.count, { numbers[$0] }), !bounds.isSorted else { return }
    guard numbers.count >= fewest else { return numbers.sort() }
    var sorted = [Int64](repeating: 0, count: numbers.count)
    for shift in stride(from: 0, to: bounds.width, by: bits) {
      var places = places(of: numbers.count, shift) { digits(numbers[$0], bounds.least) }
      for number in numbers {
        let digit = digit(digits(number, bounds.least), shift)
        sorted[places[digit]] = number
        places[digit] += 1
      }
      swap(&numbers, &sorted)
    }
  }

  /// The places of so many numbers, that of the least first; those of equal ones in order.
  public static func order(of count: Int, _ number: (Int) -> Int64) -> [Int32] {
    guard let bounds = bounds(of: count, number) else { return [] }
    var order = (0..<count).map { Int32(truncatingIfNeeded: $0) }
    guard !bounds.isSorted else { return order }
    var keys = [UInt64](repeating: 0, count: count)
    for place in 0..<count { keys[place] = digits(number(place), bounds.least) }
    var nextKeys = keys
    var nextOrder = order
    for shift in stride(from: 0, to: bounds.width, by: bits) {
      var places = places(of: count, shift) { keys[$0] }
      for place in 0..<count {
        let key = keys[place]
        let digit = digit(key, shift)
        let to = places[digit]
        places[digit] = to + 1
        nextKeys[to] = key
        nextOrder[to] = order[place]
      }
      swap(&keys, &nextKeys)
      swap(&order, &nextOrder)
    }
    return order
  }

  private static func bounds(
    of count: Int, _ number: (Int) -> Int64
  ) -> (least: Int64, width: Int, isSorted: Bool)? {
    guard count > 0 else { return nil }
    var (least, most, last, isSorted) = (Int64.max, Int64.min, Int64.min, true)
    for place in 0..<count {
      let number = number(place)
      least = min(least, number)
      most = max(most, number)
      if number < last { isSorted = false }
      last = number
    }
    return (least, UInt64.bitWidth - digits(most, least).leadingZeroBitCount, isSorted)
  }

  /// How far a number is from the least, which no difference of two is too large for.
  private static func digits(_ number: Int64, _ least: Int64) -> UInt64 {
    UInt64(bitPattern: number &- least)
  }

  private static func digit(_ digits: UInt64, _ shift: Int) -> Int {
    Int(truncatingIfNeeded: (digits >> UInt64(shift)) & (1 << UInt64(bits) - 1))
  }

  /// Where the numbers with each digit begin.
  private static func places(of count: Int, _ shift: Int, _ digits: (Int) -> UInt64) -> [Int] {
    var places = [Int](repeating: 0, count: 1 << bits)
    for place in 0..<count { places[digit(digits(place), shift)] += 1 }
    var sum = 0
    for digit in places.indices { (places[digit], sum) = (sum, sum + places[digit]) }
    return places
  }
}
