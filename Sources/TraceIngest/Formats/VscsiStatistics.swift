internal import TraceModel

/// `vscsiStats -p all -c`: how long commands of a VM's virtual disks took on ESXi, how long and how far apart they were, in
/// buckets.
///
///     Histogram: latency of IOs in Microseconds (us),virtual machine worldGroupID,2099979,virtual disk handleID,8194 (scsi0:0)
///     min,40
///     max,51537
///     mean,392
///     count,793
///     Frequency,Histogram Bucket Limit
///     403,100
///     0,100000
///     0,100000
///
/// A bucket has the values above the limit before and not above its own. The last limit is printed twice: the second is
/// of all that is above. The file has no time.
struct VscsiStatistics: TraceFormat {
  let name = "vscsistats"
  let producedBy = "vscsiStats -p all -c > vscsistats.csv"
  let clock = "none: it counts since it was started"
  let goodFor = "ESXi: how the latency of virtual disks is distributed, with its tail"
  let readBy: Layer? = .host
  let standsAlone = true

  func recognizes(_ head: Span<UInt8>) -> Recognition {
    head.find("virtual machine worldGroupID,", from: 0, head.count) == nil ? .no : .yes
  }

  func reader(into sink: any EventSink) -> FormatReader {
    .lines(VscsiStatisticsReader(sink: sink))
  }
}

/// Reads the lines of vscsiStats.
final class VscsiStatisticsReader: LineFormatReader {
  private let sink: any EventSink
  private var histogram: HistogramFact?
  private var isInBuckets = false
  private var events: Int64 = 0
  private var notices = ProblemTally()

  /// More buckets no version prints.
  private static let mostBuckets = 256

  init(sink: any EventSink) { self.sink = sink }

  func read(_ bytes: Span<UInt8>, _ line: Range<Int>, number: Int64) throws {
    let (start, end) = bytes.trimmed(line.lowerBound, line.upperBound)
    guard start < end else { return }
    if bytes.has("Histogram:", at: start, end) {
      try close()
      let text = bytes.text(from: start, to: end)
      guard let title = Self.histogram(text, line: number) else {
        notices.add(
          .otherOutput, line: number, column: nil, bytes: bytes, from: start, to: end)
        return
      }
      (histogram, isInBuckets) = (title, false)
      return
    }
    // What stands below a title that is not known.
    guard histogram != nil else { return }
    if bytes.has("Frequency,", at: start, end) {
      isInBuckets = true
      return
    }
    guard let comma = bytes.find(",", from: start, end),
      let value = Self.number(bytes, comma + 1..<end)
    else { throw ParseError(.unrecognizedLine, column: 1) }
    if isInBuckets {
      guard let count = Self.number(bytes, start..<comma), count >= 0,
        histogram?.buckets.count ?? 0 < Self.mostBuckets
      else { throw ParseError(.malformedNumber, column: 1) }
      let isAbove = histogram?.buckets.last?.limit == value
      histogram?.buckets.append((isAbove ? nil : value, count))
    } else if bytes.equals("min", start..<comma) {
      histogram?.least = value
    } else if bytes.equals("max", start..<comma) {
      histogram?.greatest = value
    } else if bytes.equals("mean", start..<comma) {
      histogram?.mean = value
    } else if bytes.equals("count", start..<comma) {
      histogram?.count = value
    } else {
      throw ParseError(.unrecognizedLine, column: 1)
    }
  }

  func finish() throws -> SourceSummary {
    try close()
    var summary = SourceSummary()
    summary.format = "vscsistats"
    summary.toolClock = "none"
    summary.events = events
    summary.problems = notices.all
    return summary
  }

  private func close() throws {
    guard let own = histogram else { return }
    histogram = nil
    guard !own.buckets.isEmpty else { return }
    let sum = own.buckets.reduce(0 as Int64) { $0.addingReportingOverflow($1.count).partialValue }
    if let count = own.count, count != sum {
      notices.add(
        .impossibleValue, count: 1, line: own.line,
        excerpt: "its buckets hold \(sum) commands, its count is \(count)")
    }
    var batch = TopologyBatch()
    batch.histograms.append(own)
    try sink.receive(batch)
    events += 1
  }

  private static func number(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Int64? {
    var at = range.lowerBound
    let isNegative = at < range.upperBound && bytes[at] == UInt8(ascii: "-")
    if isNegative { at += 1 }
    guard let value = bytes.decimal(&at, range.upperBound), at == range.upperBound,
      value < 1 << 60
    else { return nil }
    return isNegative ? -value : value
  }

  /// `Histogram: latency of Read IOs in Microseconds (us),virtual machine worldGroupID,2099979,virtual disk handleID,8194
  /// (scsi0:0)`: what it is of; nil for a title that is not known.
  static func histogram(_ text: String, line: Int64) -> HistogramFact? {
    let parts = text.split(separator: ",", omittingEmptySubsequences: false)
    guard parts.count >= 5, let group = Int64(parts[parts.count - 3]) else { return nil }
    let title = parts[0].dropFirst("Histogram: ".count)
    let quantity: String
    if title.hasPrefix("IO lengths of") {
      quantity = "length"
    } else if title.hasPrefix("distance") {
      quantity = title.contains("previous 16") ? "distance16" : "distance"
    } else if title.contains("interarrival") {
      quantity = "interarrival"
    } else if title.hasPrefix("latency of") {
      quantity = "latency"
    } else if title.hasPrefix("number of outstanding") {
      quantity = "outstanding"
    } else {
      return nil
    }
    let operation = title.contains("Read") ? "read" : title.contains("Write") ? "write" : "all"
    // `8194 (scsi0:0)`
    let handle = parts[parts.count - 1]
    let open = handle.firstIndex(of: "(").map { handle.index(after: $0) }
    let disk = open.map { handle[$0...].prefix { $0 != ")" } } ?? handle
    return HistogramFact(
      group: group, disk: String(disk.prefix(128)), quantity: quantity, operation: operation,
      line: line)
  }
}
