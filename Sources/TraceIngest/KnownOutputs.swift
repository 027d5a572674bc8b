/// Output of tools that people save beside what we read, and what to save in its place.
///
/// An output is known by one of its lines: a header, or a row that no other tool prints.
struct KnownOutput {
  /// What the line begins with, behind blanks.
  var beginning: StaticString = ""
  /// What else stands in it.
  var all: [StaticString] = []
  /// One of these stands in it; none are asked for when it is empty.
  var any: [StaticString] = []
  /// None of these stands in it.
  var none: [StaticString] = []
  /// These stand in it in this order.
  var inOrder: [StaticString] = []
  /// Another line may identify the tool more exactly.
  var isVague = false
  /// What it is, and what to save.
  let advice: String

  /// Whether the line between the positions, without blanks at its ends, is of this output.
  func matches(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
    guard bytes.has(beginning, at: start, end) else { return false }
    func has(_ text: StaticString) -> Bool { bytes.find(text, from: start, end) != nil }
    guard all.allSatisfy(has), any.isEmpty || any.contains(where: has), !none.contains(where: has)
    else { return false }
    var from = start
    for text in inOrder {
      guard let found = bytes.find(text, from: from, end) else { return false }
      from = found + text.utf8CodeUnitCount
    }
    return true
  }
}

/// All outputs that we know and do not read.
enum KnownOutputs {
  private static let ticks =
    "its times are ticks of a counter (trace_clock x86-tsc, counter or uptime), whose length it does not say; "
    + "record with 'echo mono > trace_clock' or 'trace-cmd record -C mono'"

  /// Lines that are looked at.
  private static let most = 60
  /// A longer line is no header.
  private static let longest = 4096

  /// What to do with a file that begins so; nil when nothing is known. `isRead`: events were read from it, so that it is
  /// not what a vague sign says.
  static func advice(_ head: Span<UInt8>, isRead: Bool = false) -> String? {
    if let binary = binary(head) { return binary }
    var position = 0
    var lines = 0
    var vague: String?
    while position < head.count, lines < most {
      var end = position
      while end < head.count, head[end] != 10 { end += 1 }
      let (start, last) = head.trimmed(position, end)
      position = end + 1
      guard start < last else { continue }
      lines += 1
      guard let output = output(head, start, last) else { continue }
      if !output.isVague { return output.advice }
      vague = vague ?? output.advice
    }
    if hasTicks(head, position) { return ticks }
    return isRead ? nil : vague
  }

  /// The output that a line is of; nil when none is known by it.
  static func output(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> KnownOutput? {
    guard start < end, end - start <= longest else { return nil }
    if let vmstat = ForeignVmstat.output(bytes, start, end) { return vmstat }
    if let pairs = NamedValues.output(bytes, start, end) { return pairs }
    return list.first { $0.matches(bytes, start, end) }
  }

  /// Binary files of tools, by their first bytes.
  private static func binary(_ head: Span<UInt8>) -> String? {
    // The magic number of sysstat's daily files, in either order of bytes.
    if head.count > 4,
      head[0] == 0x96 && head[1] == 0xD5 || head[0] == 0xD5 && head[1] == 0x96
    {
      return "this is a binary file of sar, whose averages nothing here uses; \(Advice.cpu)"
    }
    return nil
  }

  /// `  fio-812     [000] ..... 35283920201234: block_rq_issue: 254,0 WS ...`: a time without a point.
  private static func hasTicks(_ head: Span<UInt8>, _ position: Int) -> Bool {
    let end = min(position, head.count)
    for event in [": block_", ": sched_"] as [StaticString] {
      guard let colon = head.find(event, from: 0, end) else { continue }
      var at = colon
      while at > 0, head[at - 1] &- 0x30 < 10 { at -= 1 }
      if at < colon, at > 0, head[at - 1] == 0x20 { return true }
    }
    return false
  }
}

/// What to save in the place of other tools' output.
enum Advice {
  static let cpu =
    "save /proc/stat in a loop: while sleep 1; do date +%s.%N; cat /proc/stat; done > FILE"
  static let disks =
    "save /proc/diskstats in a loop: while sleep 1; do date +%s.%N; cat /proc/diskstats; done > FILE"
  static let network =
    "save /proc/net/dev in a loop: while sleep 1; do date +%s.%N; cat /proc/net/dev; done > FILE"
  static let memory =
    "save /proc/vmstat in a loop: while sleep 1; do date +%s.%N; cat /proc/vmstat; done > FILE"
  static let tasks =
    "save /proc/PID/task/*/schedstat in a loop with dates ('hiddenq formats' has the command: task-schedstat)"
  static let threads = "save the list of threads: ps -eLo pid,tid,psr,comm > FILE"
}

extension Span where Element == UInt8 {
  /// The positions without blanks, carriage returns and zero bytes at either end.
  func trimmed(_ start: Int, _ end: Int) -> (start: Int, end: Int) {
    var (from, to) = (start, end)
    while from < to, self[from] <= 0x20 { from += 1 }
    while to > from, self[to - 1] <= 0x20 { to -= 1 }
    return (from, to)
  }
}
