internal import TraceModel

/// What a recording says about itself: the sections behind the data of a file, or records in a pipe.
struct PerfFeatures {
  /// Numbers of sections, as tools/perf/util/header.h counts them.
  enum Kind: Int {
    case tracingData = 1
    case hostName = 3
    case kernel = 4
    case version = 5
    case architecture = 6
    case cpus = 7
    case cpuName = 8
    case cpuID = 9
    case memory = 10
    case commandLine = 11
    case cpuTopology = 13
    case nodeTopology = 14
    case sampleTimes = 21
    case clock = 23
    case directory = 24
    case compressed = 27
    case clockData = 29
  }

  private(set) var headers: [SourceHeader] = []
  /// CPUs and memory nodes.
  private(set) var topology = PerfTopology()
  /// The time of day, ns since 1970, at which perf's clock was 0.
  private(set) var start: (nanoseconds: Int64, clock: String)?
  /// The data are in further files of a directory.
  private(set) var isDirectory = false
  /// What one compressed record unpacks to, at most; 0: not said.
  private(set) var mostUnpacked = 0

  /// Bytes of a text that are kept, and words of a command line.
  private static let longest = 4096

  init() {}

  /// Reads the section between the positions; one that is cut says nothing.
  mutating func read(_ kind: Kind, _ bytes: Span<UInt8>, _ range: Range<Int>, _ isSwapped: Bool) {
    var cursor = ByteCursor(range, isSwapped: isSwapped)
    do throws(ByteCursor.Short) {
      switch kind {
      case .tracingData: break
      case .hostName: add("hostname", try string(bytes, &cursor))
      case .kernel: add("os release", try string(bytes, &cursor))
      case .version: add("perf version", try string(bytes, &cursor))
      case .architecture: add("arch", try string(bytes, &cursor))
      case .cpus:
        // perf writes those that are there, then those that are online; its documentation has it the other way round.
        let (one, other) = (try cursor.word(bytes), try cursor.word(bytes))
        add("nrcpus online", String(min(one, other)))
        add("nrcpus avail", String(max(one, other)))
        topology.setCPUs(available: max(one, other), online: min(one, other))
      case .cpuName: add("cpudesc", try string(bytes, &cursor))
      case .cpuID: add("cpuid", try string(bytes, &cursor))
      case .memory: add("total memory", "\(try cursor.long(bytes)) kB")
      case .commandLine:
        let count = try cursor.word(bytes)
        var words: [String] = []
        var length = 0
        while words.count < count, length < Self.longest {
          let word = try string(bytes, &cursor)
          length += word.utf8.count + 1
          words.append(word)
        }
        add("cmdline", words.joined(separator: " "))
      case .cpuTopology: try topology.readCPUs(bytes, &cursor)
      case .nodeTopology: try topology.readNodes(bytes, &cursor)
      case .sampleTimes:
        let (first, last) = (try cursor.long(bytes), try cursor.long(bytes))
        guard first > 0, last >= first, last < UInt64(Int64.max) else { return }
        add("time of first sample", Self.seconds(first))
        add("time of last sample", Self.seconds(last))
      case .clock: add("clock resolution", "\(try cursor.long(bytes)) ns")
      case .directory: isDirectory = try cursor.long(bytes) > 0
      case .compressed:
        _ = try cursor.take(16)
        mostUnpacked = Int(try cursor.word(bytes))
      case .clockData:
        _ = try cursor.word(bytes)
        let clock = Int32(bitPattern: try cursor.word(bytes))
        let (day, own) = (try cursor.long(bytes), try cursor.long(bytes))
        guard day < UInt64(Int64.max), own < UInt64(Int64.max) else { return }
        let name = Self.name(ofClock: clock)
        add("reference time", "\(Self.seconds(day)) (TOD) = \(Self.seconds(own)) (\(name))")
        start = (Int64(day) - Int64(own), "CLOCK_REALTIME")
      }
    } catch {}
  }

  /// Adds what a record says.
  mutating func add(_ name: String, _ value: String) {
    guard !value.isEmpty, headers.count < 64, !headers.contains(where: { $0.name == name }) else {
      return
    }
    headers.append(SourceHeader(name: name, value: value))
  }

  /// A length, and bytes up to a zero.
  private func string(
    _ bytes: Span<UInt8>, _ cursor: inout ByteCursor
  ) throws(ByteCursor.Short) -> String {
    let range = try cursor.take(UInt64(try cursor.word(bytes)))
    let end = bytes.zero(from: range.lowerBound, range.upperBound)
    return bytes.text(from: range.lowerBound, to: min(end, range.lowerBound + Self.longest))
  }

  private static func seconds(_ nanoseconds: UInt64) -> String {
    let fraction = String(nanoseconds % 1_000_000_000)
    return "\(nanoseconds / 1_000_000_000)."
      + String(repeating: "0", count: 9 - fraction.utf8.count) + fraction
  }

  /// The name that perf has for a clock of `perf record -k`.
  static func name(ofClock clock: Int32) -> String {
    switch clock {
    case 0: "realtime"
    case 1: "monotonic"
    case 4: "monotonic_raw"
    case 7: "boottime"
    case 11: "tai"
    default: "clock \(clock)"
    }
  }
}
