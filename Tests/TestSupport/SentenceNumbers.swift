/// The numbers that a sentence says, and whether rows of a query hold them.
///
/// A number is held when a value of a row, in its own unit or in one that people read (ms, s, %, MB),
/// rounds or truncates to it at the digits that the sentence shows.
public enum SentenceNumbers {
  /// The numbers of a sentence that none of these values explains.
  ///
  /// Digits inside names do not count: those of `254,16`, `vm1`, `CPU 0/KVM`, `p99`, `H3`, paths, and
  /// whatever the rows hold as text.
  public static func unexplained(
    _ sentence: String, values: [Double], texts: [String]
  ) -> [String] {
    var plain = sentence
    for text in texts.sorted(by: { $0.count > $1.count }) where text.contains(where: \.isNumber) {
      plain = plain.replacing(text, with: "")
    }
    return numbers(in: plain).filter { !isHeld($0, by: values) }
  }

  private static func numbers(in text: String) -> [String] {
    text.split(whereSeparator: { $0.isWhitespace }).compactMap { word -> String? in
      var number = word.drop { "(~'+<>=".contains($0) }
      while let last = number.last, ".,;:)'%".contains(last) { number.removeLast() }
      guard let first = number.first, first.isNumber || first == "-" else { return nil }
      let digits = number.filter { $0 != "," }
      guard Double(digits) != nil, isGrouped(number) else { return nil }
      return String(digits)
    }
  }

  /// `1,234,567` but not `254,16`.
  private static func isGrouped(_ number: Substring) -> Bool {
    var digits = 3
    var hasComma = false
    for character in number {
      if character == "." { break }
      if character == "," {
        if hasComma && digits != 3 { return false }
        (digits, hasComma) = (0, true)
      } else {
        digits += 1
      }
    }
    return !hasComma || digits == 3
  }

  private static let scales: [Double] = [1, 100, 0.001, 1e-6, 1e-9]

  private static func isHeld(_ number: String, by values: [Double]) -> Bool {
    guard let said = Double(number) else { return false }
    var unit = 1.0
    if let point = number.firstIndex(of: ".") {
      for _ in number[point...].dropFirst() { unit /= 10 }
    }
    return values.contains { value in
      scales.contains { scale in abs(abs(value * scale) - abs(said)) <= unit * 1.000_001 }
    }
  }
}
