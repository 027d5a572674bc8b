/// Tools that record what an incident holds. That they ran is no cause of what they recorded: the time that they took is told
/// by itself.
public enum RecordingTool {
  /// The names of their processes.
  public static let names: Set<String> = [
    "perf", "blktrace", "trace-cmd", "vmstat", "iostat", "pidstat", "sar", "ethtool", "tcpdump",
    "numastat", "hiddenq", "btt", "blkparse",
  ]
}
