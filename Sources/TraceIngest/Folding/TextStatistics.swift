internal import TraceModel

/// What blktrace and blkparse themselves say of the events they had and lost:
///
///     Events (8,16): 150 entries
///     Skips: 3 forward (12 -   7.4%)
///     You have 12 dropped events
///
/// `Events` counts the lines that blkparse printed: where the text has fewer, somebody took lines out of it. `Skips`
/// counts gaps of the numbering and the events in them. blkparse looks for gaps only when it reads from a pipe, where it
/// calls a device by its number; of files (`Events (sda): ...`) it always prints 0.
struct TextStatistics {
  /// The counts of one device.
  private struct Device {
    var entries: Int64?
    var skipped: Int64 = 0
  }

  private var devices: [String: Device] = [:]
  /// The device of the `Events` line before.
  private var latest = ""
  /// The sum of the lines that are each of one device (`Total: ...`), and the line of all (`You have ...`).
  private var droppedByDevice: Int64 = 0
  private var droppedOfAll: Int64 = 0
  /// The first of these lines; 0: there is none.
  private(set) var droppedLine: Int64 = 0

  /// Devices with counts of their own.
  private static let mostDevices = 1 << 12
  /// No trace lost more events.
  private static let mostLost: Int64 = 1 << 40

  /// Nothing was said.
  var isEmpty: Bool { devices.isEmpty && dropped == 0 }

  /// Events that the tracer had no room for. A kernel may number them or not.
  var dropped: Int64 { max(droppedByDevice, droppedOfAll) }

  /// Notes `Events (8,16): 150 entries`.
  mutating func noteEntries(_ entries: Int64, of name: String) {
    latest = name
    guard devices[name] != nil || devices.count < Self.mostDevices else { return }
    devices[name, default: Device()].entries = max(entries, devices[name]?.entries ?? 0)
  }

  /// Notes `Skips: 3 forward (12 -   7.4%)`, which follows the `Events` of its device.
  mutating func noteSkips(_ skips: Int64, events: Int64, tenthsOfPercent tenths: Int64) {
    defer { latest = "" }
    guard events <= Self.mostLost, skips <= events, (skips == 0) == (events == 0),
      Self.isShare(tenths, events, of: devices[latest]?.entries),
      devices[latest] != nil || devices.count < Self.mostDevices
    else { return }
    devices[latest, default: Device()].skipped = max(events, devices[latest]?.skipped ?? 0)
  }

  /// Notes `You have 12 dropped events`, or of one device `Total:  1234 events (dropped 12), ...`.
  mutating func noteDropped(_ events: Int64, ofAll: Bool, line: Int64) {
    guard events > 0, events <= Self.mostLost else { return }
    if droppedLine == 0 { droppedLine = line }
    if ofAll {
      droppedOfAll = max(droppedOfAll, events)
    } else {
      droppedByDevice.add(saturating: events)
    }
  }

  /// Adds the counts of a second copy of the recording.
  mutating func unite(with other: TextStatistics) {
    for (name, device) in other.devices {
      if let entries = device.entries { noteEntries(entries, of: name) }
      guard devices[name] != nil || devices.count < Self.mostDevices else { continue }
      devices[name, default: Device()].skipped = max(device.skipped, devices[name]?.skipped ?? 0)
    }
    latest = ""
    if droppedLine == 0 { droppedLine = other.droppedLine }
    droppedByDevice = max(droppedByDevice, other.droppedByDevice)
    droppedOfAll = max(droppedOfAll, other.droppedOfAll)
  }

  /// Whether a line's percentage is that of its own numbers; else it is damaged.
  private static func isShare(_ tenths: Int64, _ events: Int64, of entries: Int64?) -> Bool {
    guard let entries, events > 0 else { return true }
    let share = 1000 * Double(events) / (Double(entries) + Double(events))
    return abs(share - Double(tenths)) <= 1
  }

  // MARK: - What follows

  /// What a text holds of a recording.
  struct Held {
    /// Its events.
    var events: Int64
    /// Numbers that are missing in gaps.
    var inGaps: Int64
    /// Numbers before the first event of each CPU.
    var before: Int64
    /// A mark stands for lines that were cut out.
    var isElided: Bool
    /// Its devices, as `8,16`.
    var devices: Set<String>
  }

  /// What became of the events that are missing in gaps.
  enum Verdict: Equatable {
    /// There are no counts of them.
    case unknown
    /// More were lost than the gaps show.
    case moreLost(Int64)
    /// So many of them were lost; a filter took the others out of the text.
    case lostInGaps(Int64)
  }

  /// Compares the counts with the events of a text.
  func verdict(_ held: Held) -> Verdict {
    // Of a device whose lines are nowhere, nothing is to be explained.
    let told = devices.filter { !Self.isNumber($0.key) || held.devices.contains($0.key) }
    let entries = told.values.reduce(into: Int64(0)) { $0.add(saturating: $1.entries ?? 0) }
    let skipped = told.values.reduce(into: Int64(0)) { $0.add(saturating: $1.skipped) }
    // Lines that were cut off took gaps with them.
    let isWhole = held.events >= entries || held.before == 0 && !held.isElided
    let lost = max(isWhole ? skipped : 0, dropped)
    if lost > held.inGaps { return .moreLost(lost - held.inGaps) }
    // Where the text has more events than were counted, some are of another text.
    guard held.events <= entries, held.inGaps > 0, held.inGaps >= max(skipped, dropped) else {
      return .unknown
    }
    let isChecked =
      skipped > 0 || told.allSatisfy { $0.value.entries != nil && Self.isNumber($0.key) }
    if isChecked { return .lostInGaps(max(skipped, dropped)) }
    // As many lines as are missing were there when blkparse printed them.
    let takenOut = entries - held.events
    guard takenOut > 0, held.inGaps >= takenOut / 2 else { return .unknown }
    return .lostInGaps(max(dropped, held.inGaps - takenOut))
  }

  /// `8,16`, as a device is called that came through a pipe.
  private static func isNumber(_ name: String) -> Bool {
    let parts = name.split(separator: ",", omittingEmptySubsequences: false)
    return parts.count == 2
      && parts.allSatisfy { !$0.isEmpty && $0.utf8.allSatisfy { 0x30...0x39 ~= $0 } }
  }
}
