import Foundation
import TestSupport
import Testing
import TraceModel

@testable import TraceIngest

/// The fast reader of blkparse lines against the general one: whatever it takes, it must read alike.
struct BlkparseColumnsTests {
  private static func describe(_ event: BlockEvent) -> String {
    "\(event.device) cpu \(event.cpu) sequence \(event.sequence) time \(event.time) pid \(event.pid) "
      + "\(event.action) \(event.rwbs.rawValue) \(event.sector)+\(event.sectors) "
      + "other \(event.other) error \(event.error) \(event.task.low),\(event.task.high) "
      + "\(event.isPassthrough) \(event.action == .remap ? event.otherDevice.description : "")"
  }

  /// Reads a line in the midst of other bytes; nil when the fast reader leaves it. Reports a difference.
  static func check(
    _ line: [UInt8], _ columns: inout BlkparseColumns, behind: [UInt8] = []
  ) -> Bool {
    var fast = BlockEvent()
    let bytes = line + behind
    guard columns.parse(bytes.span, 0..<line.count, into: &fast) else { return false }
    var general = BlockEvent()
    var parser = BlkparseLine()
    let text = String(decoding: line, as: UTF8.self)
    do {
      try parser.parse(bytes.span, 0..<line.count, into: &general)
      if describe(fast) != describe(general) {
        Issue.record("\(text)\n\(describe(fast))\n\(describe(general))")
      }
    } catch {
      Issue.record("only the fast reader takes: \(text)")
    }
    return true
  }

  static let lines = [
    "  8,0    0        9     0.500000000  4242  D   R 81920 + 8 [fio]",
    "259,11  13     1041 12345.000134567   912  Q  WS 1234567890123456 + 4294967295 [my [p] (x) 1]",
    "254,16   3     1042     2.000136011   912  G FWS [jbd2/vda-8]",
    "  8,0    1        0     0.700000000     0  C  WS 81920 + 16 [0]",
    "  8,0    1       10     0.700000000     0  C  WS 81920 + 16 [65531]",
    "  8,0    1       10     0.700000000     0  C  WS 0 [0]",
    "  8,0    2       12    10.000000004   333  A   W 4196352 + 8 <- (8,2) 2048",
    "  8,0    2       13    10.000001000   333  U   N [a [b] (c) 1] 3",
    "  8,0    2       13    10.000001000   333 UT   N [a] 3",
    "  8,0    2       13    10.000001000   333  P   N [0123456789abcdef]",
    "  8,0    0        9     0.500000000  4242  D   R 252 (12 00 00 00 fc 00 ..) [sg inq]",
    "  8,0    0        9     0.500000000  4242  D   R 81920 + 8 (   83755) [0]",
    "  8,0    1        0     0.700000000  1234 1,0  m   N bfq1234S dispatched a request",
    "  8,0    1        0     0.700000000  1234  m   N bfq1234S dispatched a request",
    "  8,0    0        9     0.500000000 4194304  Q FWFSM 81920 + 8 [kworker/u8:3]",
    "  8,0    0 -1294967     0.500000000  4242  D   R 81920 + 8 [fio]",
    "  8,0    0        9     0.500000000  4242  X   R 2048 / 3072 [fio]",
    "  8,0    0        9     0.500000000  4242  Q   R 18446744073709551615 + 8 [fio]",
    "  8,0    0        9     0.500000000  4242  Q   R 0 + 1 []",
    "  8,0    0        9     0.500000000  4242  Q   R 8 + 8 [f\u{fffd}o] ",
  ]

  @Test func usualLinesAreTakenAndReadAlike() {
    var columns = BlkparseColumns()
    let taken = Self.lines.count {
      Self.check(Array($0.utf8), &columns, behind: Array("\n  8,0    0 next line".utf8))
    }
    #expect(taken == 10)
  }

  @Test func lineAtTheEndOfTheBytesIsReadAlike() {
    var columns = BlkparseColumns()
    for line in Self.lines { _ = Self.check(Array(line.utf8), &columns) }
  }

  @Test func whateverIsTakenOfChangedLinesIsReadAlike() {
    var random = SystemRandomNumberGenerator()
    var columns = BlkparseColumns()
    var taken = 0
    let odd = Array(" 0123456789,.+-[](){}/!\"$&'\t:;<=>?@AQDCFWRSNMZ~\u{0}".utf8) + [0x80, 0xFF]
    for line in Self.lines {
      let bytes = Array(line.utf8)
      // Every byte in turn by every odd one, then random changes, cuts and insertions.
      for index in bytes.indices {
        for byte in odd {
          var changed = bytes
          changed[index] = byte
          if Self.check(changed, &columns, behind: [10]) { taken += 1 }
        }
        var shorter = bytes
        shorter.remove(at: index)
        if Self.check(shorter, &columns, behind: [10]) { taken += 1 }
        if Self.check(Array(bytes[..<index]), &columns, behind: Array(bytes[index...])) {
          taken += 1
        }
      }
      for _ in 0..<500 {
        var changed = bytes
        for _ in 0..<Int.random(in: 2...4, using: &random) {
          changed[Int.random(in: changed.indices, using: &random)] =
            odd.randomElement(using: &random) ?? 0
        }
        if Self.check(changed, &columns, behind: [10]) { taken += 1 }
      }
    }
    #expect(taken > 1000)
  }
}
