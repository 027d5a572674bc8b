/// Output of tools that people save beside what we read, and what to save in its place.
enum KnownOutputs {
  private struct Output {
    /// What one of the first lines begins with.
    let beginning: StaticString
    /// What stands somewhere in the first lines, too.
    let mark: StaticString
    let advice: String
  }

  private static let all = [
    // `CPU(s):                2`
    Output(
      beginning: "Architecture:", mark: "CPU(s):",
      advice: "this is the summary of lscpu; save the table of CPUs: lscpu -p > FILE"),
    Output(
      beginning: "driver: ", mark: "bus-info: ",
      advice: "this is ethtool -i; save the counters: ethtool -S INTERFACE > FILE"),
    Output(
      beginning: "Settings for ", mark: "Link detected: ",
      advice: "this is ethtool without options; save the counters: ethtool -S INTERFACE > FILE"),
    // `/boot/grub2/grubenv: 1 extent found`
    Output(
      beginning: "", mark: " extent found",
      advice: "this is filefrag without the extents; save them: filefrag -v FILE"),
    Output(
      beginning: "", mark: " extents found",
      advice: "this is filefrag without the extents; save them: filefrag -v FILE"),
    // `Linux 6.1.0 (web1)  11/22/26  _x86_64_  (2 CPU)`
    Output(
      beginning: "Linux ", mark: "avg-cpu:",
      advice: "this is iostat, whose averages nothing here uses; save /proc/diskstats in a loop"),
    Output(
      beginning: "Linux ", mark: "%guest",
      advice: "this is mpstat, whose averages nothing here uses; save /proc/stat in a loop"),
  ]

  private static let ticks =
    "its times are ticks of a counter (trace_clock x86-tsc, counter or uptime), whose length it does not say; "
    + "record with 'echo mono > trace_clock' or 'trace-cmd record -C mono'"

  /// Lines that are looked at.
  private static let most = 40

  /// What to do with a file that begins so; nil when nothing is known.
  static func advice(_ head: Span<UInt8>) -> String? {
    var end = 0
    var lines = 0
    var starts: [Int] = []
    while end < head.count, lines < most {
      starts.append(end)
      while end < head.count, head[end] != 10 { end += 1 }
      end = min(end + 1, head.count)
      lines += 1
    }
    let known = all.first { output in
      starts.contains { head.has(output.beginning, at: $0, end) }
        && head.find(output.mark, from: 0, end) != nil
    }
    return known?.advice ?? (hasTicks(head, end) ? ticks : nil)
  }

  /// `  fio-812     [000] ..... 35283920201234: block_rq_issue: 254,0 WS ...`: a time without a point.
  private static func hasTicks(_ head: Span<UInt8>, _ end: Int) -> Bool {
    for event in [": block_", ": sched_"] as [StaticString] {
      guard let colon = head.find(event, from: 0, end) else { continue }
      var at = colon
      while at > 0, head[at - 1] &- 0x30 < 10 { at -= 1 }
      if at < colon, at > 0, head[at - 1] == 0x20 { return true }
    }
    return false
  }
}
