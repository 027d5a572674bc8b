internal import TraceModel

/// `esxtop -b`: what an ESXi host and its VMs did on average from one row to the next, as CSV.
///
///     "(PDH-CSV 4.0) (UTC)(0)","\\esx1\Memory\Free MBytes","\\esx1\Group Cpu(1423953:db1)\% Used",...
///     "04/24/2018 10:49:17","579","2.25",...
///
/// A row has tens of thousands of cells, of which ``EsxCounter`` names those that are kept. The first row of a run has no
/// values of disks. `resxtop` writes the same.
struct Esxtop: TraceFormat {
  let name = "esxtop"
  let producedBy = "esxtop -b -a -d 2 -n 150 > esxtop.csv"
  let clock = "the host's wall clock in whole seconds, in the zone that the header names"
  let goodFor =
    "ESXi: ready time, co-stop, limits, queues and latency of disks, swapping and drops, by VM"
  let readBy: Layer? = .host
  let standsAlone = true

  /// The tool by which its objects go.
  static let tool = "esxtop"
  /// How every header begins, behind a quote.
  static let mark: StaticString = "(PDH-CSV "

  func recognizes(_ head: Span<UInt8>) -> Recognition {
    head.find(Self.mark, from: 0, head.count) == nil ? .no : .yes
  }

  func reader(into sink: any EventSink) -> FormatReader { .bytes(EsxtopReader(sink: sink)) }
}

/// Reads the lines of a file of esxtop, which may be megabytes long.
final class EsxtopReader: ByteFormatReader {
  private let sink: any EventSink
  private let rows: EsxtopRows
  private var plan: EsxtopPlan?
  /// Lines end with a carriage return alone, as old spreadsheets write them; nil before the first.
  private var endsWithReturn: Bool?
  private var line: Int64 = 0
  private var skipped: Int64 = 0
  private var problems = ProblemTally()
  /// The host of the first header. What follows a header of another one is left out.
  private var host: String?
  private var isOtherHost = false
  private var longRows: Int64 = 0

  /// A longer line is no row of esxtop.
  private static let longestLine = 1 << 26

  init(sink: any EventSink) {
    self.sink = sink
    rows = EsxtopRows(sink: sink)
  }

  func read(_ parts: [InputPart], progress: () -> Void) throws {
    for part in parts {
      while let (range, next, isEnded) = try nextLine(part) {
        line += 1
        let buffer = part.input.buffer
        try read(buffer.span, range, isEnded: isEnded)
        part.input.take(next)
        progress()
      }
    }
    try rows.finish()
  }

  func finish() throws -> SourceSummary {
    guard let host else {
      throw IngestError.refused(
        .noEvents, line: nil, lines: line, hint: "its header has no column of esxtop")
    }
    if rows.count == 0, problems.all.isEmpty || line <= 1 {
      throw IngestError.refused(
        .noEvents, line: nil, lines: line,
        hint: "it has a header and no row: was esxtop stopped at once, or only the header copied?")
    }
    var summary = SourceSummary()
    summary.format = "esxtop"
    summary.toolClock = rows.first.isSeen ? "wall" : "none"
    summary.lines = line
    summary.events = rows.count
    summary.skippedLines = skipped
    (summary.first, summary.last) = (rows.first, rows.last)
    summary.headers = [SourceHeader(name: "hostname", value: host)]
    for problem in rows.problems.all { problems.add(problem) }
    summary.problems = problems.all
    return summary
  }

  // MARK: - Lines

  /// The next line without its end, how many bytes to take with it, and whether it has an end; nil at the end of the file.
  private func nextLine(
    _ part: InputPart
  ) throws -> (line: Range<Int>, next: Int, isEnded: Bool)? {
    var wanted = 1
    var searched = 0
    while true {
      let range = try part.input.available(atLeast: wanted)
      guard !range.isEmpty else { return nil }
      let found = part.withBytes { end(of: $0, range.lowerBound + searched, range.upperBound) }
      if let found {
        var last = found
        part.withBytes { bytes in
          while last > range.lowerBound, bytes[last - 1] == 13 || bytes[last - 1] == 0 { last -= 1 }
        }
        return (range.lowerBound..<last, found + 1 - range.lowerBound, true)
      }
      if range.count < wanted { return (range, range.count, false) }
      searched = range.count
      guard searched < Self.longestLine else {
        throw IngestError.refused(
          .tooLarge, line: line + 1, lines: line,
          hint:
            "line \(line + 1) is longer than \(Self.longestLine >> 20) MiB, which no row of esxtop is"
        )
      }
      wanted = max(1 << 16, 2 * range.count)
    }
  }

  /// Where a line ends.
  private func end(of bytes: Span<UInt8>, _ from: Int, _ to: Int) -> Int? {
    switch endsWithReturn {
    case false?: return bytes.newline(from: from, to: to)
    case true?: return (from..<to).first { bytes[$0] == 13 }
    case nil:
      guard let first = (from..<to).first(where: { bytes[$0] == 10 || bytes[$0] == 13 }),
        bytes[first] == 10 || first + 1 < to
      else { return nil }
      let isReturn = bytes[first] == 13 && bytes[first + 1] != 10
      endsWithReturn = isReturn
      return isReturn || bytes[first] == 10 ? first : first + 1
    }
  }

  private func read(_ bytes: Span<UInt8>, _ own: Range<Int>, isEnded: Bool) throws {
    var from = own.lowerBound
    bytes.skipBlanks(&from, own.upperBound)
    guard from < own.upperBound else { return }
    let headEnd = min(own.upperBound, from + 1 << 16)
    // A row begins with a digit, behind a quote where cells have some; a header, or text before it, with anything else.
    let first = bytes[from] == UInt8(ascii: "\"") && from + 1 < headEnd ? from + 1 : from
    if bytes[first] &- 0x30 > 9, let mark = bytes.find(Esxtop.mark, from: from, headEnd) {
      let isQuoted = mark > from && bytes[mark - 1] == UInt8(ascii: "\"")
      let header = isQuoted ? mark - 1 : mark
      if header > from {
        // ``no termcap entry for a `xterm-256color' terminal"(PDH-CSV 4.0) ...``
        problems.add(
          .toolNotice, line: line, column: nil, bytes: bytes, from: from, to: header)
      }
      return try begin(bytes, header..<own.upperBound)
    }
    guard let plan else {
      return problems.add(
        .otherOutput, line: line, column: nil, bytes: bytes, from: from, to: own.upperBound)
    }
    guard !isOtherHost else { return }
    try row(bytes, from..<own.upperBound, plan, isEnded: isEnded)
  }

  private func begin(_ bytes: Span<UInt8>, _ header: Range<Int>) throws {
    let plan: EsxtopPlan
    do {
      plan = try EsxtopPlan(bytes, header, sink: sink)
    } catch is EsxtopPlan.Foreign {
      guard host == nil else {
        isOtherHost = true
        return problems.add(
          .otherHost, line: line, column: nil, bytes: bytes, from: header.lowerBound,
          to: header.upperBound)
      }
      throw IngestError.refused(
        .foreignTool, line: line, lines: line,
        hint:
          "it is a log of Windows' Performance Monitor or another PDH-CSV, not of esxtop: no column is of "
          + "'Group Cpu', 'Physical Cpu', 'Physical Disk', 'Virtual Disk' or 'Network Port'; record it on the ESXi "
          + "host: esxtop -b -a -d 2 -n 150 > esxtop.csv")
    }
    isOtherHost = host.map { $0 != plan.host } ?? false
    if isOtherHost {
      return problems.add(
        .otherHost, line: line, column: nil, bytes: bytes, from: header.lowerBound,
        to: header.upperBound)
    }
    host = plan.host
    self.plan = plan
    try rows.begin(plan, line: line)
    if plan.utcOffset == nil { problems.add(.unknownZone, count: 1, line: line) }
    problems.add(
      .toolNotice, count: plan.repeated, line: line,
      excerpt: "columns of the same name: the first is used")
  }

  private func row(
    _ bytes: Span<UInt8>, _ own: Range<Int>, _ plan: EsxtopPlan, isEnded: Bool
  ) throws {
    switch rows.read(bytes, own, plan, isEnded: isEnded) {
    case .whole(let stamp): try rows.add(stamp, line: line)
    case .badStamp:
      skipped += 1
      problems.add(
        .unrecognizedLine, line: line, column: 1, bytes: bytes, from: own.lowerBound,
        to: own.upperBound)
    case .short(let cells), .long(let cells):
      // The row that was being written when the disk was full or the tool was stopped is no damage.
      if isEnded { skipped += 1 }
      problems.add(
        .truncatedLine, count: 1, line: line,
        excerpt: "\(cells) cells, the header has \(plan.cells); the row is left out")
    }
  }
}
