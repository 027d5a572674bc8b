// What reading blkparse text into events costs by itself: no folding, no store, no hash. Prints the lines, those
// that are no events, and a sum over the fields of all events, which the fast path and the general parser must
// agree on.
//
// usage: parsing FILE [general]

import TraceModel

@testable import TraceIngest

/// Lines, those that are no events, and the sum.
func parse(_ path: String, onlyGeneral: Bool) throws -> (lines: Int, others: Int, sum: UInt64) {
  let source = try ByteSource(path: path)
  // Files that are read together are hashed afterwards; here, never.
  source.isOneOfSeveral = true
  var input = InputReader(source: source)
  _ = try input.head()
  var columns = BlkparseColumns()
  var general = BlkparseLine()
  var event = BlockEvent()
  var (lines, others, sum) = (0, 0, UInt64(0))
  while let line = try input.next() {
    lines += 1
    if onlyGeneral || !columns.parse(input.buffer.span, line, into: &event) {
      // The statistics at the end, say.
      guard (try? general.parse(input.buffer.span, line, into: &event)) != nil else {
        others += 1
        continue
      }
    }
    sum &+= UInt64(bitPattern: event.time) ^ UInt64(bitPattern: event.sector) &<< 7
    sum &+= UInt64(event.sectors) &<< 3 ^ UInt64(event.pid) ^ event.task.low ^ event.task.high
    sum &+= UInt64(event.action.rawValue) &<< 40 ^ UInt64(event.rwbs.rawValue) &<< 48
  }
  return (lines, others, sum)
}

// The module under test has a `CommandLine` of its own.
let arguments = Swift.CommandLine.arguments.dropFirst()
guard let path = arguments.first else {
  print("usage: parsing FILE [general]")
  throw CancellationError()
}
let found = try parse(path, onlyGeneral: arguments.contains("general"))
print(found.lines, found.others, found.sum)
