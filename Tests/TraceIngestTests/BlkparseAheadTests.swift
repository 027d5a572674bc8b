import Testing
import TraceModel

@testable import TraceIngest

/// A text that is read ahead by its columns against the same text line by line.
struct BlkparseAheadTests {
  private static let lines = [
    "  8,0    0        1     0.100000000  4242  Q   R 81920 + 8 [fio]",
    "  8,0    0        2     0.100000700  4242  G   R 81920 + 8 [fio]",
    "  8,0    0        3     0.100000800  4242  P   N [fio]",
    "  8,0    0        4     0.100001000  4242  Q   R 81928 + 8 [fio]",
    "  8,0    0        5     0.100001100  4242  M   R 81928 + 8 [fio]",
    "  8,0    0        6     0.100002000  4242  I   R 81920 + 16 [fio]",
    "  8,0    0        7     0.100002100  4242  U   N [fio] 1",
    "  8,0    0        8     0.100003000  4242  D   R 81920 + 16 [fio]",
    "  8,0    1        1     1.100000000     0  C   R 81920 + 16 [0]",
    "  8,0    1        2     1.100000100     0  m   N bfq said something",
  ]

  /// What a reader made of a text: bad lines, requests and bios.
  private static func result(_ text: [UInt8], ahead: Bool) throws -> String {
    let sink = CollectingSink()
    let reader = BlkparseReader(sink: sink)
    var bad: [Int64] = []
    var at = 0
    var number: Int64 = 0
    while at < text.count {
      if ahead {
        let (lines, end) = try reader.readAhead(text.span, at..<text.count, number: number + 1)
        number += lines
        at = end
        if at == text.count { break }
      }
      let end = text[at...].firstIndex(of: 10) ?? text.count
      number += 1
      do {
        try reader.read(text.span, at..<end, number: number)
      } catch is ParseError {
        bad.append(number)
      }
      at = end + 1
    }
    let summary = try reader.finish()
    return "\(number) lines, bad \(bad), \(summary.events) events, lost \(summary.lostEvents), "
      + "\(summary.first)..\(summary.last)\n\(sink.requests)\n\(sink.bios)"
  }

  @Test("a hole that a plug at the end of the trace shows makes what is open doubtful")
  func holeBeforePlug() throws {
    let sink = CollectingSink()
    let reader = BlkparseReader(sink: sink)
    let text = Array(lines: [Self.lines[0], Self.lines[2].replacing("  3  ", with: "  9  ")])
    _ = try reader.readAhead(text.span, text.indices, number: 1)
    let summary = try reader.finish()
    #expect(summary.lostEvents == 7)
    #expect(sink.requests.map { $0.traits.contains(.lossy) } == [true])
  }

  @Test(
    "a line that ends before its columns do, and a first line of NUL bytes",
    arguments: [
      "  8,0    0        1     0.100000000  4242  Q R [",
      "  8,0    0        1     0.100000000  4242  m N ",
      "  8,0    0        1     0.100000000 7  Q R [a]",
      "  8,0    0        1     0.100000000 7  P N [a]",
      "\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}  0        1     0.100000000  4242  Q   R 81920 + 8 [fio]",
      "  8,0    0        1 \u{0}\u{0}\u{0}\u{0}\u{0}\u{0}100000000  4242  Q   R 81920 + 8 [fio]",
    ])
  func shortLines(_ line: String) throws {
    let text = Array(lines: [line] + Self.lines)
    #expect(try Self.result(text, ahead: true) == Self.result(text, ahead: false))
  }

  @Test func changedTextsGiveTheSame() throws {
    let text = Array(lines: Self.lines)
    let odd = Array("\n\r\u{0}\t 19,.+[](mUPX".utf8)
    for index in text.indices {
      for byte in odd {
        var changed = text
        changed[index] = byte
        let ahead = try Self.result(changed, ahead: true)
        let one = try Self.result(changed, ahead: false)
        #expect(ahead == one, "byte \(byte) at \(index)")
      }
      // Cut out up to eight bytes: columns that move to the left bring the next line into this one.
      for length in 1...8 where index + length <= text.count {
        let shorter = Array(text[..<index] + text[(index + length)...])
        #expect(try Self.result(shorter, ahead: true) == Self.result(shorter, ahead: false))
      }
      var other = text
      other.insert(10, at: index)
      #expect(try Self.result(other, ahead: true) == Self.result(other, ahead: false))
      other = Array(text[..<index])
      #expect(try Self.result(other, ahead: true) == Self.result(other, ahead: false))
    }
  }
}

extension [UInt8] {
  fileprivate init(lines: [String]) { self = Array(lines.map { $0 + "\n" }.joined().utf8) }
}
