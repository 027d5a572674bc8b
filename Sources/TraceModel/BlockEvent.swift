/// A block device number as the kernel keeps it: `major << 20 | minor`.
///
/// It names a device within one trace only. Guest and host often call different disks by the same
/// number, and virtio and device-mapper majors are given out at boot.
public struct DeviceNumber: Hashable, Comparable, Sendable {
  /// `major << 20 | minor`.
  public let rawValue: UInt32

  /// From the kernel's packed form.
  @inlinable
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// From the two halves; nil when one does not fit (12 and 20 bits).
  @inlinable
  public init?(major: UInt64, minor: UInt64) {
    guard major < 1 << 12, minor < 1 << 20 else { return nil }
    rawValue = UInt32(major) << 20 | UInt32(minor)
  }

  /// The driver's number.
  public var major: UInt32 { rawValue >> 20 }
  /// The device among those of the driver.
  public var minor: UInt32 { rawValue & 0xF_FFFF }

  /// By major, then minor.
  @inlinable
  public static func < (a: DeviceNumber, b: DeviceNumber) -> Bool { a.rawValue < b.rawValue }
}

extension DeviceNumber: CustomStringConvertible {
  /// `254,16`, as blkparse prints it.
  public var description: String { "\(major),\(minor)" }
}

/// What happened to a bio or request (the letters of blkparse).
public enum BlockAction: UInt8, CodedVocabulary {
  /// `Q`: a bio entered the block layer.
  case queue
  /// `G`: a request was allocated for it.
  case getRequest
  /// `S`: it waits for a free request (single-queue kernels).
  case sleep
  /// `I`: the request went into the scheduler or software queue.
  case insert
  /// `D`: the request was handed to the driver.
  case issue
  /// `C`: the device has finished it.
  case complete
  /// `R`: the driver gave it back.
  case requeue
  /// `M`: a bio (or a whole request) was appended to an earlier request.
  case backMerge
  /// `F`: a bio was put in front of a request.
  case frontMerge
  /// `B`: data were copied to a bounce buffer.
  case bounce
  /// `P`: the task holds its requests back.
  case plug
  /// `U`: the task lets them go.
  case unplug
  /// `UT`: a timer or `schedule()` let them go.
  case unplugTimer
  /// `X`: a bio was cut in two.
  case split
  /// `A`: a bio moved from a partition or mapped device to the device below.
  case remap
  /// `m`: a line of text from the kernel, no event of a request.
  case message

  /// The letters of blkparse.
  public var name: String {
    switch self {
    case .queue: "Q"
    case .getRequest: "G"
    case .sleep: "S"
    case .insert: "I"
    case .issue: "D"
    case .complete: "C"
    case .requeue: "R"
    case .backMerge: "M"
    case .frontMerge: "F"
    case .bounce: "B"
    case .plug: "P"
    case .unplug: "U"
    case .unplugTimer: "UT"
    case .split: "X"
    case .remap: "A"
    case .message: "m"
    }
  }

  /// Whether it tells of a task or of memory and leaves every request as it was.
  @inlinable
  public var isOfNoRequest: Bool {
    switch self {
    case .sleep, .bounce, .plug, .unplug, .unplugTimer, .message: true
    case .queue, .getRequest, .insert, .issue, .complete, .requeue, .backMerge, .frontMerge, .split,
      .remap:
      false
    }
  }
}

/// What a request does and how: the RWBS letters as a set.
///
/// Not stable over a request's life (`Q FWS` completes as `C WS`), so never part of a key. The letters are
/// computed, so that other modules see their values.
public struct RWBS: OptionSet, Hashable, Sendable {
  /// One bit per letter.
  public let rawValue: UInt16
  /// From stored bits.
  @inlinable
  public init(rawValue: UInt16) { self.rawValue = rawValue }

  /// Leading `F`: flush the device's cache first.
  @inlinable public static var preflush: RWBS { RWBS(rawValue: 1 << 0) }
  /// `R`.
  @inlinable public static var read: RWBS { RWBS(rawValue: 1 << 1) }
  /// `W`.
  @inlinable public static var write: RWBS { RWBS(rawValue: 1 << 2) }
  /// `D`.
  @inlinable public static var discard: RWBS { RWBS(rawValue: 1 << 3) }
  /// `N`: moves no data (a flush request, a passthrough command).
  @inlinable public static var noData: RWBS { RWBS(rawValue: 1 << 4) }
  /// `F` as the operation: a flush (kernel tracepoints).
  @inlinable public static var flush: RWBS { RWBS(rawValue: 1 << 5) }
  /// `F` after the operation: through the cache to the medium.
  @inlinable public static var fua: RWBS { RWBS(rawValue: 1 << 6) }
  /// `A`: read-ahead.
  @inlinable public static var ahead: RWBS { RWBS(rawValue: 1 << 7) }
  /// `S`: somebody waits for it.
  @inlinable public static var sync: RWBS { RWBS(rawValue: 1 << 8) }
  /// `M`: metadata.
  @inlinable public static var meta: RWBS { RWBS(rawValue: 1 << 9) }
  /// `E` after `D`: secure erase.
  @inlinable public static var secureErase: RWBS { RWBS(rawValue: 1 << 10) }
  /// `Z`: a zone operation or write zeroes.
  @inlinable public static var zone: RWBS { RWBS(rawValue: 1 << 11) }
  /// `B`: a barrier (kernels up to 2.6.36).
  @inlinable public static var barrier: RWBS { RWBS(rawValue: 1 << 12) }
  /// `U`: atomic, never torn.
  @inlinable public static var untorn: RWBS { RWBS(rawValue: 1 << 13) }
}

/// What a request is for, with the costs that go with it.
public enum BlockOperation: Int, CodedVocabulary {
  /// Data to memory.
  case read = 0
  /// Data to the device.
  case write = 1
  /// Empty the device's write cache; no data, no address.
  case flush = 2
  /// Tell the device that blocks are unused.
  case discard = 3
  /// A passthrough command or an operation of a newer kernel.
  case other = 4

  /// The order of reports: those with data first, flushes last.
  public static let inReports: [BlockOperation] = [.read, .write, .discard, .other, .flush]

  /// What views and reports call all operations that carry data, taken together.
  public static let together = "all"

  /// The name that the views use.
  public var name: String {
    switch self {
    case .read: "read"
    case .write: "write"
    case .flush: "flush"
    case .discard: "discard"
    case .other: "other"
    }
  }
}

extension RWBS {
  /// Each bit with its letter, in the order in which the kernel writes them.
  public static let letters: [(flag: RWBS, letter: Character)] = [
    (.preflush, "F"), (.read, "R"), (.write, "W"), (.discard, "D"), (.secureErase, "E"),
    (.noData, "N"), (.flush, "F"), (.zone, "Z"), (.fua, "F"), (.ahead, "A"), (.sync, "S"),
    (.meta, "M"), (.barrier, "B"), (.untorn, "U"),
  ]

  /// Read, write or discard: the letters that do not change over a request's life.
  @inlinable
  public var direction: RWBS { intersection([.read, .write, .discard]) }
}

/// One block trace event, from whatever format it was read.
public struct BlockEvent: Sendable {
  /// Nanoseconds on the clock of the trace.
  public var time: Int64 = 0
  /// First sector (512 bytes, whole device); -1 when the event names none.
  public var sector: Int64 = -1
  /// `A`: the sector it came from. `X`: first sector of the second half. `U`: requests let go.
  public var other: Int64 = 0
  /// The task that was running: for `C` only the one that was interrupted.
  public var task = TaskName()
  /// Where it stands in the file: the line, or the record, from 1.
  public var line: Int64 = 0
  /// Length in sectors; 0 for flushes and for events without data.
  public var sectors: UInt32 = 0
  /// The device that was traced.
  public var device = DeviceNumber(rawValue: 0)
  /// `A`: the device it came from.
  public var otherDevice = DeviceNumber(rawValue: 0)
  /// Number of the event among those of its device and CPU, from 1; 0 when there is none.
  public var sequence: UInt32 = 0
  /// The CPU that recorded it.
  public var cpu: UInt32 = 0
  /// The thread that was running.
  public var pid: UInt32 = 0
  /// `C`, `R`: 0 or a negative errno.
  public var error: Int32 = 0
  /// The letters.
  public var rwbs: RWBS = []
  /// What happened.
  public var action: BlockAction = .message
  /// A command straight to the driver, with bytes instead of sectors.
  public var isPassthrough = false
  /// Whether the text says which CPU recorded it.
  public var hasCPU = true

  /// The CPU that recorded it; -1 where the text does not say.
  @inlinable
  public var knownCPU: Int32 { hasCPU ? Int32(truncatingIfNeeded: cpu) : -1 }

  /// An empty event for a parser to fill.
  @inlinable
  public init() {}

  /// Sectors of the largest device that the kernel can address: offsets in bytes are signed, of 64 bits.
  @inlinable public static var mostSectors: Int64 { 1 << 54 }
  /// Sectors of the longest request: the kernel counts its bytes in 32 bits.
  @inlinable public static var longest: UInt32 { 1 << 23 }
  /// CPUs of the largest machine; the store counts on it.
  @inlinable public static var mostCPUs: UInt32 { 1 << 16 }

  /// Whether a device can have these sectors, and a machine this CPU. The kernel's number for "no sector", and
  /// what a damaged file makes of one, are none to calculate with.
  @inlinable
  public var isPossible: Bool {
    guard sectors <= Self.longest, cpu < Self.mostCPUs else { return false }
    switch action {
    case .remap:
      return (0...Self.mostSectors).contains(sector) && (0...Self.mostSectors).contains(other)
    case .split: return (0...Self.mostSectors).contains(sector)
    default: return sectors == 0 || (0...Self.mostSectors).contains(sector)
    }
  }
}
