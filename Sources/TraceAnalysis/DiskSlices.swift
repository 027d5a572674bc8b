internal import TraceCorrelation
internal import TraceModel
internal import TraceStore

/// How a guest's disk went on over time: sums of its I/Os by slices, in which rules look for what they then prove on the
/// I/Os themselves.
struct DiskSlices {
  /// One of equal parts of the time of the matched I/Os.
  struct Part {
    /// When its first I/O was queued, ns on the reference timeline.
    let at: Int64
    /// The mean of Q to C in it, ns.
    let mean: Double
  }

  /// What was completed in a slice of a fixed length.
  struct Flow {
    /// Its number from the start of the timeline.
    let place: Int64
    /// Requests.
    let done: Double
    let bytes: Double
    /// How many were under way on average: the sum of their times over the length of the slice.
    let depth: Double
  }

  let guest: String
  let device: String
  /// In the order of time, without parts that hold few I/Os; none without matched reads and writes.
  let parts: [Part]
  /// In no order.
  let flows: [Flow]

  /// How many parts there are.
  static let partCount = 24
  /// With fewer matched reads and writes a part does not count.
  static let leastOfPart = 10
  /// The length of a slice, ns.
  static let slice: Int64 = 100_000_000

  // MARK: - Out of the I/Os

  /// Of the stretches of a disk, each with its I/Os.
  init(guest: String, device: String, _ stretches: [GuestIOs]) {
    (self.guest, self.device) = (guest, device)
    var span: ClosedRange<Int64>?
    for ios in stretches {
      for io in ios where io.times[.hostScheduler].isSeen {
        guard let at = io.reference.nanoseconds else { continue }
        span = min(span?.lowerBound ?? at, at)...max(span?.upperBound ?? at, at)
      }
    }
    var sums = [PartSum](repeating: PartSum(), count: Self.partCount)
    var flows = FlowSums()
    for ios in stretches {
      for io in ios where io.operation == .read || io.operation == .write {
        guard let at = io.reference.nanoseconds else { continue }
        if let span, io.times[.hostScheduler].isSeen {
          sums[Self.part(of: at, in: span)].add(at, io.times[.block].nanoseconds)
        }
        if io.isLeading, let time = io.times[.block].nanoseconds {
          flows.add(Stamp.sum(at, time) / Self.slice, io.sectors, time)
        }
      }
    }
    parts = sums.compactMap(\.part)
    self.flows = flows.flows
  }

  private static func part(of moment: Int64, in span: ClosedRange<Int64>) -> Int {
    let length = Double(span.upperBound &- span.lowerBound) + 1
    let place = Double(partCount) * Double(moment &- span.lowerBound) / length
    return max(0, min(partCount - 1, Int(place)))
  }

  private struct PartSum {
    var at = Int64.max
    var count = 0
    var known = 0
    var sum = 0.0

    mutating func add(_ moment: Int64, _ time: Int64?) {
      at = min(at, moment)
      count += 1
      guard let time else { return }
      known += 1
      sum += Double(time)
    }

    var part: Part? {
      count >= leastOfPart && known > 0 ? Part(at: at, mean: sum / Double(known)) : nil
    }
  }

  private struct FlowSums {
    private struct Sum {
      let place: Int64
      var done = 0.0
      var sectors = 0.0
      var time = 0.0
    }

    private var sums: [Sum] = []
    private var numbers: [Int64: Int] = [:]
    private var last = 0

    /// I/Os come nearly in the order of time.
    mutating func add(_ place: Int64, _ sectors: Int64, _ time: Int64) {
      if sums.isEmpty || sums[last].place != place {
        if let known = numbers[place] {
          last = known
        } else {
          last = sums.count
          numbers[place] = last
          sums.append(Sum(place: place))
        }
      }
      sums[last].done += 1
      sums[last].sectors += Double(sectors)
      sums[last].time += Double(time)
    }

    var flows: [Flow] {
      sums.map {
        Flow(
          place: $0.place, done: $0.done, bytes: 512 * $0.sectors,
          depth: $0.time / Double(DiskSlices.slice))
      }
    }
  }

  /// Of all disks of a correlation, by guest and device.
  static func all(_ context: CorrelationContext) -> [DiskSlices] {
    let streams = Dictionary(uniqueKeysWithValues: context.streams.map { ($0.stream, $0) })
    let own = Dictionary(grouping: context.disks) { streams[$0.disk]?.machine.name ?? "" }
    return own.sorted { $0.key < $1.key }.flatMap { guest, disks in
      Dictionary(grouping: disks) { streams[$0.disk]?.device ?? "" }.sorted { $0.key < $1.key }
        .map { DiskSlices(guest: guest, device: $0.key, $0.value.map(\.ios)) }
    }
  }

  // MARK: - Out of the file

  private init(_ guest: String, _ device: String, _ parts: [QueryRow], _ flows: [QueryRow]) {
    (self.guest, self.device) = (guest, device)
    self.parts = parts.compactMap { row in
      row.integer("at_ns").flatMap { at in
        row.number("block_ns").map { Part(at: at, mean: $0) }
      }
    }
    self.flows = flows.compactMap { row in
      guard let place = row.integer("place"), let done = row.number("done"),
        let bytes = row.number("bytes"), let depth = row.number("depth")
      else { return nil }
      return Flow(place: place, done: done, bytes: bytes, depth: depth)
    }
  }

  /// Of all disks of a file that was correlated before.
  static func all(_ file: IncidentFile) throws -> [DiskSlices] {
    struct Disk: Hashable {
      let guest: String
      let device: String

      init?(_ row: QueryRow) {
        guard let guest = row.text("guest"), let device = row.text("device") else { return nil }
        (self.guest, self.device) = (guest, device)
      }
    }
    let parts = Dictionary(grouping: try file.rows(partsSQL), by: Disk.init)
    let flows = Dictionary(
      grouping: try file.rows(
        "SELECT guest, device, place, done, bytes, depth FROM (\(flowSQL("1")))"),
      by: Disk.init)
    return Set(parts.keys).union(flows.keys).compactMap(\.self)
      .sorted { ($0.guest, $0.device) < ($1.guest, $1.device) }
      .map { DiskSlices($0.guest, $0.device, parts[$0] ?? [], flows[$0] ?? []) }
  }

  private static let partsSQL = """
    SELECT guest, device, min(reference_ns) AS at_ns, avg(block_ns) AS block_ns
    FROM (
      SELECT io.guest, io.device, reference_ns, block_ns,
        CAST(\(partCount).0 * (reference_ns - first_ns) / (last_ns - first_ns + 1) AS INTEGER) AS place
      FROM io JOIN (
        SELECT guest, device, min(reference_ns) AS first_ns, max(reference_ns) AS last_ns
        FROM io WHERE host_scheduler_ns IS NOT NULL GROUP BY guest, device
      ) AS span ON span.guest = io.guest AND span.device = io.device
      WHERE host_scheduler_ns IS NOT NULL AND op IN ('read', 'write')
    )
    GROUP BY guest, device, place HAVING count(*) >= \(leastOfPart) ORDER BY guest, device, place
    """

  /// The slices of what some disks completed: what a condition on the view io says of them.
  static func flowSQL(_ condition: String) -> String {
    """
    SELECT guest, device, (reference_ns + block_ns) / \(slice) AS place, count(*) AS done,
      512 * sum(sectors) AS bytes, 1.0 * sum(block_ns) / \(slice) AS depth
    FROM io WHERE op IN ('read', 'write') AND leading = 1 AND block_ns IS NOT NULL
      AND reference_ns IS NOT NULL AND \(condition)
    GROUP BY guest, device, place
    """
  }
}
