import Foundation
import TestSupport
import Testing
import TraceModel

@testable import TraceIngest

/// Block tracepoints of all kernels and tools.
struct BlockPayloadTests {
  struct Row: CustomTestStringConvertible {
    let event: String
    let payload: String
    let expected: String
    init(_ event: String, _ payload: String, _ expected: String) {
      (self.event, self.payload, self.expected) = (event, payload, expected)
    }
    var testDescription: String { "\(event): \(payload)" }
  }

  private static let rows = [
    Row("block_rq_issue", "8,0 WS 4096 () 81920 + 8 [fio]", "issue 8,0 81920+8 fio 0 0"),
    Row("block_rq_issue", "8,0 WS 4096 () 81920 + 8 none,0,0 [fio]", "issue 8,0 81920+8 fio 0 0"),
    Row(
      "block_rq_issue", "254,0 FWFSM 4096 () 52428800 + 8 0x2,0,4 [kworker/u8:3]",
      "issue 254,0 52428800+8 kworker/u8:3 0 0"),
    Row(
      "block_rq_insert", "8,0 W 0 () 8 + 8 [my [p] (x) 1]", "insert 8,0 8+8 my [p] (x) 1 0 0"),
    // The command of a passthrough request, before 4.11.
    Row(
      "block_rq_issue", "8,0 R 36 (12 00 00 00 24 00) 0 + 0 [smartctl]",
      "issue 8,0 -1+0 smartctl 0 0 passthrough"),
    Row(
      "block_rq_issue", "8,0 N 512 () 0 + 0 none,0,0 [nvme]", "issue 8,0 -1+0 nvme 0 0 passthrough"),
    Row(
      "block_rq_issue", "254,16 FF 0 () 18446744073709551615 + 0 [kworker/0:1H]",
      "issue 254,16 -1+0 kworker/0:1H 0 0"),
    Row(
      "block_rq_complete", "254,16 FF () 18446744073709551615 + 0 [0]",
      "complete 254,16 -1+0  0 0"),
    Row("block_rq_complete", "8,0 WS () 81920 + 8 be,0,4 [-5]", "complete 8,0 81920+8  0 -5"),
    Row("block_rq_complete", "8,0 N (12 00) 0 + 0 [0]", "complete 8,0 -1+0  0 0 passthrough"),
    Row("block_rq_requeue", "8,0 W () 81920 + 8 [0]", "requeue 8,0 81920+8  0 0"),
    Row("block_bio_queue", "8,0 WS 81920 + 8 [fio]", "queue 8,0 81920+8 fio 0 0"),
    Row("block_bio_queue", "8,0 FWS 0 + 0 [jbd2/vda-8]", "queue 8,0 -1+0 jbd2/vda-8 0 0"),
    Row("block_getrq", "0,0 R 0 + 0 [smartctl]", "getRequest 0,0 -1+0 smartctl 0 0"),
    Row("block_bio_backmerge", "8,0 W 8 + 8 [a: b]", "backMerge 8,0 8+8 a: b 0 0"),
    Row("block_rq_merge", "8,0 W 4096 () 8 + 8 [a]", "backMerge 8,0 8+8 a 0 0"),
    Row("block_bio_frontmerge", "8,0 W 8 + 8 [123]", "frontMerge 8,0 8+8 123 0 0"),
    Row("block_bio_complete", "7,0 RS 0 + 8 [-22]", "complete 7,0 0+8  0 -22"),
    Row("block_bio_remap", "8,0 WS 4196352 + 8 <- (8,2) 2048", "remap 8,0 4196352+8  2048 0"),
    Row("block_rq_remap", "8,0 W 100 + 8 <- (253,0) 50 1", "remap 8,0 100+8  50 0"),
    Row("block_split", "8,0 W 2048 / 3072 [fio]", "split 8,0 2048+0 fio 3072 0"),
    Row("block_plug", "[fio]", "plug 0,0 -1+0 fio 0 0"),
    Row("block_unplug", "[fio [x] 2] 4", "unplug 0,0 -1+0 fio [x] 2 4 0"),
    Row("block_unplug_timer", "[fio] 4", "unplugTimer 0,0 -1+0 fio 4 0"),
    Row("block_rq_issue", "259,0 ZA 4096 () 0 + 8 be,0,4 [f2fs]", "issue 259,0 0+8 f2fs 0 0"),
    Row("block_rq_issue", "259,0 DE 4096 () 0 + 8 be,0,4 [x]", "issue 259,0 0+8 x 0 0"),
  ]

  @Test(arguments: rows)
  func payloadBecomesTheEventOfBlktrace(_ row: Row) throws {
    let name = Array(row.event.utf8)
    let meaning = BlockPayload.meaning(name.span, name.indices)
    guard case .action(let action) = meaning else {
      Issue.record("\(String(describing: meaning))")
      return
    }
    let bytes = Array(row.payload.utf8)
    var event = BlockEvent()
    try BlockPayload.parse(action, bytes.span, bytes.indices, into: &event)
    let told =
      "\(event.action) \(event.device) \(event.sector)+\(event.sectors) \(event.task.text) "
      + "\(event.other) \(event.error)" + (event.isPassthrough ? " passthrough" : "")
    #expect(told == row.expected)
  }

  @Test(arguments: [
    "8,0", "8,0 WS", "8,0 WS 4096 (", "8,0 WS 4096 () 81920", "8,0 WS 4096 () 81920 + 8",
    "8,0 WS 4096 () 81920 + 8 [", "8,0 ?? 4096 () 81920 + 8 [fio]", "[FAILED TO PARSE] dev=8",
    "8;0 WS 4096 () 81920 + 8 [fio]", "8,0 WS 4096 () 99999999999999999999 + 8 [fio]", "",
  ])
  func brokenPayloadsAreRefused(_ payload: String) {
    let bytes = Array(payload.utf8)
    var event = BlockEvent()
    #expect(throws: ParseError.self) {
      try BlockPayload.parse(.issue, bytes.span, bytes.indices, into: &event)
    }
  }

  @Test func otherTracepointsAreLeftToOthers() {
    for name in ["block_touch_buffer", "block_dirty_buffer", "sched_switch", "block_", "x"] {
      let bytes = Array(name.utf8)
      #expect(BlockPayload.meaning(bytes.span, bytes.indices) == nil)
    }
    for name in ["block_io_start", "block_io_done", "block_rq_error"] {
      let bytes = Array(name.utf8)
      #expect(BlockPayload.meaning(bytes.span, bytes.indices) == .ignored)
    }
  }

  // MARK: - Whole texts

  private func read(
    _ text: String, _ options: IngestOptions = IngestOptions()
  ) throws -> (sink: CollectingSink, summary: SourceSummary) {
    let scratch = try ScratchFolder()
    let path = try scratch.file("trace.txt", Array(text.utf8))
    let sink = CollectingSink()
    return (
      sink, try IngestRun(input: SourceInput(path: path), options: options).read(into: sink)
    )
  }

  /// Time between issue and completion, ns, sector, pid of each request.
  private func requests(_ sink: CollectingSink) -> [String] {
    sink.requests.map {
      let task = sink.tasks[Int($0.task)]
      return "\($0.completed.rawValue - $0.issued.rawValue) \($0.sector) \(task.pid) "
        + task.name.text
    }
  }

  @Test func perfScriptIsFoldedAsBlktraceIs() throws {
    let (sink, summary) = try read(
      """
              fio   912 [003]   410.120900: block:block_bio_queue: 254,0 WS 81920 + 8 [fio]
              fio   912 [003]   410.120910:     block:block_plug: [fio]
              fio   912 [003]   410.120934: block:block_rq_issue: 254,0 WS 4096 () 81920 + 8 0x2,0,4 [fio]
          swapper     0 [001]   410.121034: block:block_rq_complete: 254,0 WS () 81920 + 8 0x2,0,4 [0]

      """)
    #expect(requests(sink) == ["100000 81920 912 fio"])
    #expect(summary.format == "perf-script" && summary.events == 4)
    #expect(sink.streams.map(\.device.description) == ["254,0"])
  }

  @Test(arguments: [
    """
    # tracer: blk
    #
                 fio-9920    [000] d..1.  1395.877145:   7,0    Q   R 11112 + 8 [fio]
                 fio-9920    [000] d..1.  1395.877200:   7,0    D   R 11112 + 8 [fio]
              <idle>-0       [000] d..1.  1395.877300:   7,0    C   R 11112 + 8 [0]

    """,
    """
    # tracer: blk
                 fio-9920    [000] d..1.  1395.877145:   7,0    queue   R 11112 + 8 [fio]
                 fio-9920    [000] d..1.  1395.877200:   7,0    1,0  issue   R 11112 + 8 [fio]
              <idle>-0       [000] d..1.  1395.877300:   7,0    complete   R 11112 + 8 [0]

    """,
    """
    # tracer: blk
    # DEV   CPU TIMESTAMP     PID ACT FLG
    # |     |     |           |   |   |
      7,0    1  1395.877145000  9920  Q   R 11112 + 8 [fio]
      7,0    1  1395.877200000  9920  D   R 11112 + 8 [fio]
      7,0    1  1395.877300000     0  C   R 11112 + 8 [0]

    """,
  ])
  func tracerOfTheBlockLayerIsReadInAllItsForms(_ text: String) throws {
    let (sink, summary) = try read(text)
    #expect(requests(sink) == ["100000 11112 9920 fio"])
    #expect(summary.events == 3 && summary.skippedLines == 0)
    #expect(summary.toolClock == "ftrace")
    #expect(summary.lostEvents == 0)
  }

  @Test(arguments: [
    (
      "%D %2c %8s %5T.%9t %5p %2a %3d %S + %n [%C]\\n",
      "  8,0    1       17     0.500000300   912  D  WS 81920 + 8 [my [p] 1]"
    ),
    ("%T.%t|%M:%m|%c|%a|%d|%S|%N|%p|%C\\n", "0.500000300|8:0|1|D|WS|81920|4096|912|my [p] 1"),
    ("%z %D %a %d %S %n %C %p\\n", "00:00:00.500000 8,0 D WS 81920 8 fio 912"),
  ])
  func customFormatIsReadByItsString(_ format: String, _ line: String) throws {
    var options = IngestOptions()
    options.format = try blkparseText(printedWith: format)
    let completion = line.replacingOccurrences(of: "D  WS", with: "C  WS")
      .replacingOccurrences(of: "|D|WS|", with: "|C|WS|")
      .replacingOccurrences(of: " D WS ", with: " C WS ")
      .replacingOccurrences(of: "0.50000", with: "0.60000")
    let (sink, summary) = try read(line + "\n" + completion + "\n", options)
    #expect(summary.events == 2 && summary.skippedLines == 0)
    #expect(sink.requests.map(\.sector) == [81920])
    #expect(requests(sink).first?.hasPrefix("100000000 81920 912 ") == true)
    #expect(sink.tasks.first?.name.text == (format.contains("%z") ? "fio" : "my [p] 1"))
  }

  @Test(arguments: ["%a %d %S %n", "%T.%t %S %n", "%T.%t %a %d", "%q", "%T.%t %a %d %S %", ""])
  func customFormatThatLacksWhatIsNeededIsRefused(_ format: String) {
    #expect(throws: IngestError.self) { _ = try blkparseText(printedWith: format) }
  }
}
