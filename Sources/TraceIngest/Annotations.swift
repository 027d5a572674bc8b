/// What terminals and people add to the text of a tool: the echo of a key that stopped it, marks where lines were cut
/// out, remarks behind a line.
///
/// Only lines that no reader takes are looked at here, so a name that holds such characters is never touched.
enum Annotations {
  /// Lines longer than this are no lines of a trace with a remark.
  private static let longestLine = 1 << 16
  /// Places of a line that may begin a remark and are tried.
  private static let mostRemarks = 8

  /// Whether the line is a mark for lines that were left out: `...`, `[...]`, `[snip]`, `--8<--`, `<... 40 lines ...>`.
  /// `--` alone is what grep prints between its finds.
  static func isElision(_ bytes: Span<UInt8>, _ line: Range<Int>) -> Bool {
    guard line.count <= 120 else { return false }
    var dots = 0
    var dashes = 0
    var others = 0
    for index in line {
      switch bytes[index] {
      case UInt8(ascii: "."): dots += 1
      case UInt8(ascii: "-"), UInt8(ascii: "~"), UInt8(ascii: "="): dashes += 1
      // `…` in UTF-8.
      case 0xE2
      where index + 2 < line.upperBound && bytes[index + 1] == 0x80 && bytes[index + 2] == 0xA6:
        dots += 3
      case 0x80, 0xA6: break
      case 0x20, 0x09, UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: "("), UInt8(ascii: ")"),
        UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "{"), UInt8(ascii: "}"),
        UInt8(ascii: "*"),
        UInt8(ascii: ":"):
        break
      default: others += 1
      }
    }
    if others == 0 { return dots >= 2 || dashes >= 2 }
    var first = line.lowerBound
    bytes.skipBlanks(&first, line.upperBound)
    // Words count only between marks: a remark about lines does not mean that some were cut out.
    guard first < line.upperBound, isMark(bytes[first]) else { return false }
    if dots >= 3 { return others <= 40 }
    let words: [StaticString] = [
      "snip", "cut", "8<", ">8", "truncated", "elided", "omitted", "skipped",
    ]
    var text: [UInt8] = []
    for index in line {
      text.append(bytes[index] &- 0x41 < 26 ? bytes[index] | 0x20 : bytes[index])
    }
    return words.contains { text.span.find($0, from: 0, text.count) != nil }
  }

  private static func isMark(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "["), UInt8(ascii: "<"), UInt8(ascii: "("), UInt8(ascii: "{"),
      UInt8(ascii: "-"),
      UInt8(ascii: "."), UInt8(ascii: "~"), UInt8(ascii: "*"), UInt8(ascii: "="), 0xE2:
      true
    default: false
    }
  }

  /// The line without what a terminal shows for control keys, `^C` or `^\`; nil when there is none in it.
  static func withoutEcho(_ bytes: Span<UInt8>, _ line: Range<Int>) -> [UInt8]? {
    guard line.count <= longestLine else { return nil }
    var clean: [UInt8]?
    var index = line.lowerBound
    while index < line.upperBound {
      if index + 1 < line.upperBound, bytes[index] == UInt8(ascii: "^"), isEcho(bytes[index + 1]) {
        if clean == nil {
          var before: [UInt8] = []
          for place in line.lowerBound..<index { before.append(bytes[place]) }
          clean = before
        }
        index += 2
        continue
      }
      clean?.append(bytes[index])
      index += 1
    }
    return clean
  }

  /// The keys that end or stop a program: C, D, S, Q, Z, and the backslash.
  private static func isEcho(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "C"), UInt8(ascii: "D"), UInt8(ascii: "Q"), UInt8(ascii: "S"),
      UInt8(ascii: "Z"),
      UInt8(ascii: "\\"):
      true
    default: false
    }
  }

  /// Where the line may end if what follows is a remark, from left to right:
  ///
  ///     8,16  0  1  0.000000000  700  Q  WS 2048 + 8 [app] # the first write
  ///     8,16  0  5  0.000050000    0  C  WS 2048 + 8 [0]      <-- done
  static func remarks(_ bytes: Span<UInt8>, _ line: Range<Int>) -> [Int] {
    guard line.count <= longestLine else { return [] }
    var ends: [Int] = []
    var index = line.lowerBound + 1
    while index < line.upperBound, ends.count < mostRemarks {
      if bytes[index - 1] == 0x20 || bytes[index - 1] == 0x09,
        beginsRemark(bytes, index, line.upperBound) || isBehindBracket(bytes, index, line)
      {
        var end = index
        bytes.skipBlanksBack(&end, line.lowerBound)
        if end > line.lowerBound, ends.last != end { ends.append(end) }
      }
      index += 1
    }
    return ends
  }

  /// Whether a word stands behind `[0] ` or, at a distance, behind `[app]  `: nothing of a line of blkparse does.
  private static func isBehindBracket(_ bytes: Span<UInt8>, _ at: Int, _ line: Range<Int>) -> Bool {
    guard bytes[at] != 0x20, bytes[at] != 0x09 else { return false }
    var last = at
    bytes.skipBlanksBack(&last, line.lowerBound)
    guard last > line.lowerBound, bytes[last - 1] == UInt8(ascii: "]") else { return false }
    if at - last >= 2 || bytes[at - 1] == 0x09 { return true }
    var number = last - 1
    guard bytes.decimalBefore(&number, line.lowerBound) != nil else { return false }
    if number > line.lowerBound, bytes[number - 1] == UInt8(ascii: "-") { number -= 1 }
    return number > line.lowerBound && bytes[number - 1] == UInt8(ascii: "[")
  }

  /// `#`, `//`, `--`, `<-`, `<=`, `...`, `***`, `!!`, `;`, `|`, and the arrows and the ellipsis of UTF-8.
  static func beginsRemark(_ bytes: Span<UInt8>, _ at: Int, _ end: Int) -> Bool {
    let next = at + 1 < end ? bytes[at + 1] : 0x20
    switch bytes[at] {
    case UInt8(ascii: "#"), UInt8(ascii: ";"): return true
    case UInt8(ascii: "/"): return next == UInt8(ascii: "/") || next == UInt8(ascii: "*")
    case UInt8(ascii: "-"):
      return next == UInt8(ascii: "-") || next == UInt8(ascii: ">") || next == 0x20
    case UInt8(ascii: "<"):
      return next == UInt8(ascii: "-") || next == UInt8(ascii: "=") || next == UInt8(ascii: "<")
    case UInt8(ascii: "."): return next == UInt8(ascii: ".")
    case UInt8(ascii: "*"): return next == UInt8(ascii: "*")
    case UInt8(ascii: "!"), UInt8(ascii: "?"): return next == bytes[at]
    case UInt8(ascii: "|"): return next == 0x20
    case UInt8(ascii: "="): return next == UInt8(ascii: "=") || next == UInt8(ascii: ">")
    case UInt8(ascii: "("): return (next | 0x20) &- 0x61 < 26
    // Arrows (E2 86), dashes and the ellipsis (E2 80).
    case 0xE2: return next == 0x86 || next == 0x80
    default: return false
    }
  }
}
