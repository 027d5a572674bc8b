public import TraceModel

/// What the beginning of a file says about its format.
public enum Recognition: Comparable, Sendable {
  /// Another format.
  case no
  /// Nothing speaks against it, little for it.
  case maybe
  /// This is it.
  case yes
}

/// One input format: all that the rest of the program asks about it. A new format is a file in
/// `Formats/` and its place in ``allFormats``.
public protocol TraceFormat: Sendable {
  /// The name on the command line: `hiddenq ingest NAME`. Forms of one format, such as text and binary,
  /// share it; the content decides between them.
  var name: String { get }
  /// The command that people ran to get such a file.
  var producedBy: String { get }
  /// What its times mean.
  var clock: String { get }
  /// What an analysis gains from it.
  var goodFor: String { get }
  /// The message for a file of the format without anything that is used; nil: that no line is an event.
  var needs: String? { get }
  /// The side that such files are always of, wherever they lie; nil: either.
  var readBy: Layer? { get }
  /// Whether such a file may be given by itself: it says what its machine did, and needs no folder that names it.
  var standsAlone: Bool { get }
  /// Whether a file that begins with these bytes is of this format.
  func recognizes(_ head: Span<UInt8>) -> Recognition
  /// A reader for one file.
  func reader(into sink: any EventSink) -> FormatReader
}

extension TraceFormat {
  /// Nothing particular.
  public var needs: String? { nil }
  /// Either side's.
  public var readBy: Layer? { nil }
  /// No: a folder or an option says whose it is.
  public var standsAlone: Bool { false }
}

/// How a format wants its file: cut into lines, or as bytes.
public enum FormatReader {
  /// Text.
  case lines(any LineFormatReader)
  /// Records of a binary format.
  case bytes(any ByteFormatReader)
}

/// Reads the lines of one file of a format, in order.
public protocol LineFormatReader: AnyObject {
  /// The file that is read, by its path as it was given; it comes before the first line.
  func begin(path: String)
  /// Takes the line that stands at these positions. Throws what is wrong with it (``ParseError``); the
  /// run counts that and goes on.
  func read(_ bytes: Span<UInt8>, _ line: Range<Int>, number: Int64) throws
  /// Takes those of the next lines that it can read without finding their ends first: `range` begins with
  /// a line and ends anywhere, `number` is that of its first line. Returns how many lines it took and where
  /// the next one begins. Whatever it does not take is read as a line.
  func readAhead(_ bytes: Span<UInt8>, _ range: Range<Int>, number: Int64) throws -> (Int64, Int)
  /// Whether a line that it threw at may be given to it once more without what a person or a terminal added to it.
  var takesAnnotatedLines: Bool { get }
  /// Takes what a line is without the remark behind it; throws unless that is a whole event. Called only where
  /// ``takesAnnotatedLines`` is true.
  func readEvent(_ bytes: Span<UInt8>, _ line: Range<Int>, number: Int64) throws
  /// A mark in the text stands for lines that were cut out. Called only where ``takesAnnotatedLines`` is true.
  func elided() throws
  /// The file is at its end: hands over what is left and says what the file held.
  func finish() throws -> SourceSummary
}

extension LineFormatReader {
  /// Most texts say themselves what they are of.
  public func begin(path: String) {}

  /// No.
  public var takesAnnotatedLines: Bool { false }

  /// As any line.
  public func readEvent(_ bytes: Span<UInt8>, _ line: Range<Int>, number: Int64) throws {
    try read(bytes, line, number: number)
  }

  /// Nothing hangs together across lines.
  public func elided() {}

  /// Takes none.
  public func readAhead(
    _ bytes: Span<UInt8>, _ range: Range<Int>, number: Int64
  ) throws -> (Int64, Int) { (0, range.lowerBound) }
}

/// Reads the records of a source in a binary format, which may be several files.
public protocol ByteFormatReader: AnyObject {
  /// Reads all files to their ends; calls `progress` now and then.
  func read(_ parts: [InputPart], progress: () -> Void) throws
  /// Hands over what is left and says what the source held. `lines` counts records, `skippedLines` those
  /// that could not be used.
  func finish() throws -> SourceSummary
}

/// The formats by what they tell of, for people: each is in one of them.
public let formatFamilies: [(title: String, names: [String])] = [
  ("Block traces", ["blktrace"]),
  ("Recordings", ["perf-data", "trace-dat"]),
  (
    "Tracepoints as text",
    [
      "perf-sched", "perf-script", "trace-cmd", "ftrace", "perf-sched-timehist",
      "perf-sched-latency",
    ]
  ),
  (
    "CPUs, memory and disks over time",
    [
      "vmstat", "iostat", "mpstat", "pidstat", "top", "sar", "sadf", "sysstat-json", "proc-stat",
      "proc-vmstat",
      "biosnoop", "latency-histogram", "runqslower",
      "proc-diskstats", "proc-schedstat", "task-schedstat", "pressure", "numastat",
    ]
  ),
  (
    "Network over time",
    ["ip-link", "ifconfig", "proc-net-dev", "softnet", "tc-qdisc", "ethtool", "ethtool-ring"]
  ),
  ("Applications", ["fio", "fio-log"]),
  (
    "Hypervisors",
    [
      "qemu-log", "qmp", "qemu-cmdline", "libvirt-xml", "blkdeviotune", "domstats", "cgroup-limits",
      "cgroup-cpu",
      "nvme-amzn", "esxtop", "vscsistats",
    ]
  ),
  (
    "Machines and disks",
    [
      "lscpu", "numactl", "ps", "taskset", "vcpupin", "lsblk", "dmsetup", "qemu-img-map",
      "filefrag", "queue-settings",
    ]
  ),
  ("Clocks", ["clock-readings", "capture-clocks"]),
]

/// Every format, in the order in which ties are decided and `hiddenq formats` prints them.
public let allFormats: [any TraceFormat] =
  [
    BlkparseText(),
    BlktraceBinary(),
    PerfData(),
    TraceDat(),
    PerfSchedScript(),
    PerfScriptText(),
    TraceCommandReport(),
    FtraceText(),
    PerfSchedTimehist(),
    PerfSchedLatency(),
    QEMUTraceLog(),
    LscpuParsable(),
    NumactlHardware(),
    ThreadList(),
    ThreadAffinity(),
    VirtualCPUPins(),
    QEMUMonitor(),
    QEMUCommandLine(),
    BlockDeviceList(),
    DmsetupTable(),
    QemuImgMap(),
    FilefragMap(),
    QueueSettings(),
    LibvirtDomain(),
    DiskIOTune(),
    ControlGroupLimits(),
    SysstatJSON(),
    FioJSON(),
    ClockReadings(),
    CaptureClocks(),
    Esxtop(),
    VscsiStatistics(),
  ] + counterFormats
