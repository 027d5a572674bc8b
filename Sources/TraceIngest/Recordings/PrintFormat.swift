internal import TraceModel

/// Reads what a print format says about the values of a field:
///
///     (REC->prev_state & (((0x00000000 | 0x00000001 ...) + 1) << 1)) ? __print_flags(REC->prev_state & ..., "|",
///     { 0x00000001, "S" }, { 0x00000002, "D" } ...) : "R", REC->prev_state & ((... + 1) << 1) ? "+" : ""
///
/// Letters and bits differ by kernel, so they are the file's own.
enum PrintFormat {
  /// A value and what is printed for it.
  struct Symbol {
    let value: Int64
    let text: String
  }

  private static let mostSymbols = 4096

  /// The tables of the calls of a function, in their order, each with what stands between its opening parenthesis and
  /// the table.
  static func tables(_ print: [UInt8], of function: StaticString) -> [(of: String, [Symbol])] {
    let bytes = print.span
    var tables: [(of: String, [Symbol])] = []
    var at = 0
    while let found = bytes.find(function, from: at, bytes.count) {
      at = found + function.utf8CodeUnitCount
      guard at < bytes.count, bytes[at] == UInt8(ascii: "("), tables.count < 64 else { continue }
      let start = at + 1
      var symbols: [Symbol] = []
      var depth = 1
      at = start
      var subject: Range<Int>?
      while at < bytes.count, depth > 0, symbols.count < mostSymbols {
        switch bytes[at] {
        case UInt8(ascii: "("): depth += 1
        case UInt8(ascii: ")"): depth -= 1
        case UInt8(ascii: "\""): at = stringEnd(bytes, at)
        case UInt8(ascii: "{"):
          if subject == nil { subject = start..<at }
          if let symbol = symbol(bytes, &at) { symbols.append(symbol) }
        default: break
        }
        at += 1
      }
      let of = subject ?? start..<start
      tables.append((bytes.text(from: of.lowerBound, to: of.upperBound), symbols))
    }
    return tables
  }

  /// `{ 0x00000001, "S" }`; the position moves to its end. Nil for a value that is not a number, such as the name of a
  /// constant.
  private static func symbol(_ bytes: Span<UInt8>, _ at: inout Int) -> Symbol? {
    let start = at + 1
    var comma: Int?
    var text: Range<Int>?
    at = start
    while at < bytes.count, bytes[at] != UInt8(ascii: "}") {
      if bytes[at] == UInt8(ascii: "\"") {
        let end = stringEnd(bytes, at)
        if text == nil { text = at + 1..<max(at + 1, end) }
        at = end
      } else if bytes[at] == UInt8(ascii: ","), comma == nil {
        comma = at
      }
      at += 1
    }
    guard let comma, let text, let value = constant(bytes, start..<comma) else { return nil }
    return Symbol(value: value, text: bytes.text(from: text.lowerBound, to: text.upperBound))
  }

  /// The quote that ends the string that begins at the position.
  private static func stringEnd(_ bytes: Span<UInt8>, _ start: Int) -> Int {
    var at = start + 1
    while at < bytes.count, bytes[at] != UInt8(ascii: "\"") {
      at += bytes[at] == UInt8(ascii: "\\") ? 2 : 1
    }
    return min(at, bytes.count)
  }

  // MARK: Constants

  /// The value of an expression of numbers, `| & + - * << >> ~` and parentheses, with C's suffixes and casts of nothing
  /// else; nil when there is anything else in it.
  static func constant(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Int64? {
    var at = range.lowerBound
    guard let value = expression(bytes, &at, range.upperBound, level: 0, depth: 0) else {
      return nil
    }
    bytes.skipBlanks(&at, range.upperBound)
    return at == range.upperBound ? value : nil
  }

  private static let deepest = 64

  /// The operator that stands here, with its rank, and its length.
  private static func operation(
    _ bytes: Span<UInt8>, _ at: Int, _ end: Int
  ) -> (rank: Int, length: Int)? {
    guard at < end else { return nil }
    switch bytes[at] {
    case UInt8(ascii: "|"): return at + 1 < end && bytes[at + 1] == bytes[at] ? nil : (0, 1)
    case UInt8(ascii: "&"): return at + 1 < end && bytes[at + 1] == bytes[at] ? nil : (1, 1)
    case UInt8(ascii: "<"), UInt8(ascii: ">"):
      return at + 1 < end && bytes[at + 1] == bytes[at] ? (2, 2) : nil
    case UInt8(ascii: "+"), UInt8(ascii: "-"): return (3, 1)
    case UInt8(ascii: "*"): return (4, 1)
    default: return nil
    }
  }

  private static func expression(
    _ bytes: Span<UInt8>, _ at: inout Int, _ end: Int, level: Int, depth: Int
  ) -> Int64? {
    guard depth < deepest, var value = operand(bytes, &at, end, depth: depth) else { return nil }
    while true {
      bytes.skipBlanks(&at, end)
      guard let (rank, length) = operation(bytes, at, end), rank >= level else { return value }
      let sign = bytes[at]
      at += length
      guard
        let right = expression(bytes, &at, end, level: rank + 1, depth: depth + 1)
      else { return nil }
      switch sign {
      case UInt8(ascii: "|"): value |= right
      case UInt8(ascii: "&"): value &= right
      case UInt8(ascii: "+"): value &+= right
      case UInt8(ascii: "-"): value &-= right
      case UInt8(ascii: "*"): value &*= right
      default:
        guard (0..<64).contains(right) else { return nil }
        value = sign == UInt8(ascii: "<") ? value << right : value >> right
      }
    }
  }

  private static func operand(
    _ bytes: Span<UInt8>, _ at: inout Int, _ end: Int, depth: Int
  ) -> Int64? {
    bytes.skipBlanks(&at, end)
    guard at < end, depth < deepest else { return nil }
    switch bytes[at] {
    case UInt8(ascii: "("):
      at += 1
      guard let value = expression(bytes, &at, end, level: 0, depth: depth + 1) else { return nil }
      bytes.skipBlanks(&at, end)
      guard at < end, bytes[at] == UInt8(ascii: ")") else { return nil }
      at += 1
      return value
    case UInt8(ascii: "~"):
      at += 1
      return operand(bytes, &at, end, depth: depth + 1).map { ~$0 }
    case UInt8(ascii: "-"):
      at += 1
      return operand(bytes, &at, end, depth: depth + 1).map { 0 &- $0 }
    default: break
    }
    let value: Int64
    if bytes.has("0x", at: at, end) {
      at += 2
      guard let number = bytes.hexadecimal(&at, end) else { return nil }
      value = Int64(bitPattern: number)
    } else {
      guard let number = bytes.decimal(&at, end) else { return nil }
      value = number
    }
    // `1UL`
    while at < end, (bytes[at] | 0x20) == 0x75 || (bytes[at] | 0x20) == 0x6C { at += 1 }
    return value
  }

  /// The constant by which a field is masked before `? "+"`.
  ///
  ///     REC->prev_state & 4096 ? "+" : ""
  static func mask(_ print: [UInt8], before mark: StaticString) -> Int64? {
    let bytes = print.span
    guard var end = bytes.find(mark, from: 0, bytes.count) else { return nil }
    bytes.skipBlanksBack(&end, 0)
    if let mask = operand(bytes, end, inside: 0) { return mask }
    // `(REC->prev_state & 4096) ? "+"`
    return end > 0 && bytes[end - 1] == UInt8(ascii: ")") ? operand(bytes, end, inside: 1) : nil
  }

  /// What stands behind the last `&` that is inside of so many parentheses.
  private static func operand(_ bytes: Span<UInt8>, _ end: Int, inside level: Int) -> Int64? {
    var depth = 0
    var at = end
    while at > 0 {
      at -= 1
      switch bytes[at] {
      case UInt8(ascii: ")"): depth += 1
      case UInt8(ascii: "("): depth -= 1
      case UInt8(ascii: "&") where depth == level:
        return constant(bytes, at + 1..<end - level)
      case UInt8(ascii: ",") where depth == 0: return nil
      default: break
      }
      if depth < 0 { return nil }
    }
    return nil
  }
}

/// How a kernel prints the state in which a thread leaves a CPU: its letters and the bit of a preemption.
struct SwitchLetters {
  private struct Flag {
    let bits: Int64
    let letter: UInt8
    /// `N`: not counted as load, which with `D` is an idle kernel thread.
    let isIdle: Bool
  }

  private var flags: [Flag] = []
  /// The bit that is printed as `+`; 0: there is none.
  private var preempted: Int64 = 0

  /// Reads the print format of `sched_switch`; nil when it says nothing about states.
  init?(_ print: [UInt8]) {
    let tables = PrintFormat.tables(print, of: "__print_flags")
    guard let symbols = tables.first(where: { $0.of.contains("prev_state") })?.1, !symbols.isEmpty
    else { return nil }
    preempted = PrintFormat.mask(print, before: "? \"+\"") ?? 0
    for symbol in symbols {
      guard let letter = symbol.text.utf8.first, symbol.value > 0 else { continue }
      flags.append(
        Flag(bits: symbol.value, letter: letter, isIdle: letter == UInt8(ascii: "N")))
    }
  }

  /// A state as the kernel prints it: its first letter, whether `+` stands behind it, and whether `|N` does.
  typealias Spelled = (letter: UInt8, isPreempted: Bool, isIdle: Bool)

  /// How many states ``usual`` has: those of kernels since 4.14.
  static let usualCount = 1 << 9

  /// The states that occur, by their numbers.
  var usual: [Spelled] { (0..<Self.usualCount).map { read(Int64($0)) } }

  /// Reads a state.
  func read(_ state: Int64) -> Spelled {
    let isPreempted = state & preempted != 0
    // The kernel masks with the bits below that of a preemption.
    let rest = preempted > 0 ? state & (preempted &- 1) : state
    guard rest != 0 else { return (UInt8(ascii: "R"), isPreempted, false) }
    var letter: UInt8 = 0
    for flag in flags where rest & flag.bits == flag.bits {
      if letter == 0 {
        letter = flag.letter
        if rest == flag.bits { break }
      } else if flag.isIdle {
        return (letter, isPreempted, true)
      }
    }
    return (letter == 0 ? UInt8(ascii: "?") : letter, isPreempted, false)
  }
}
