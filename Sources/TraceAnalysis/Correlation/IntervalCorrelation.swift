internal import TraceCorrelation
internal import TraceModel
internal import TraceStore

/// What a report draws over time, in a bounded number of intervals: how long the guests' I/Os took, and what the devices
/// below them completed for whom.
struct IntervalCorrelation: CorrelationPass {
  static let fills = ["device_sum", "latency_count", "latency_sum", "wait_sum"]

  /// Disks and devices, and threads of a device that have a name in the report.
  private static let mostDisks = 32
  private static let mostDevices = 16
  private static let mostOwners = 6

  private var latencies: [(guest: String, device: String, rows: LatencyIntervals)] = []
  private var devices: [(machine: String, device: String, rows: DeviceIntervals)] = []

  init(_ context: CorrelationContext) throws {
    addLatencies(context)
    try addDevices(context)
  }

  // MARK: - Latencies

  private mutating func addLatencies(_ context: CorrelationContext) {
    let streams = Dictionary(uniqueKeysWithValues: context.streams.map { ($0.stream, $0) })
    let own = Dictionary(grouping: context.disks) { streams[$0.disk]?.machine.name ?? "" }
    let busiest = Set(
      context.disks.sorted { ($1.ios.count, $0.disk) < ($0.ios.count, $1.disk) }
        .prefix(Self.mostDisks).map(\.disk))
    for (guest, disks) in own.sorted(by: { $0.key < $1.key }) {
      let isOnReference = disks.contains { $0.ios.contains { $0.reference.isSeen } }
      let byDevice = Dictionary(grouping: disks) { streams[$0.disk]?.device ?? "" }
      for (device, parts) in byDevice.sorted(by: { $0.key < $1.key })
      where parts.contains(where: { busiest.contains($0.disk) }) {
        let spans = parts.compactMap { context.span(of: $0.disk, onReference: isOnReference) }
        let moments = { (io: GuestIO) in (isOnReference ? io.reference : io.queued).nanoseconds }
        if let rows = LatencyIntervals(parts.map(\.ios), covered: spans, moment: moments) {
          latencies.append((guest, device, rows))
        }
      }
    }
    for story in context.stories {
      guard let requests = story.requests else { continue }
      for (place, device) in requests.devices.enumerated() {
        guard let stream = streams[device.stream], stream.first <= stream.last else { continue }
        var ios: GuestIOs = []
        story.population.forEach { own, _, io in
          if story.population.devices[own] == device.name { ios.append(io) }
        }
        guard place < Self.mostDevices,
          let rows = LatencyIntervals(
            [ios], covered: [stream.first...stream.last], moment: { $0.reference.nanoseconds })
        else { continue }
        latencies.append((requests.guest, device.name, rows))
      }
    }
  }

  // MARK: - Devices

  private mutating func addDevices(_ context: CorrelationContext) throws {
    let tasks = Dictionary(
      uniqueKeysWithValues: try context.tasks().map { ($0.task, (tid: $0.tid, name: $0.name)) })
    let streams = Dictionary(uniqueKeysWithValues: context.streams.map { ($0.stream, $0) })
    let alone = Set(context.stories.compactMap(\.requests).flatMap(\.devices).map(\.stream))
    let joined = Set(context.disks.compactMap { $0.verdict == .joined ? $0.device : nil })
    // Times of another block trace are not on the reference.
    let reference =
      context.clocks.first?.reference
      ?? context.hosts.max { ($0.rows.count, $1.stream) < ($1.rows.count, $0.stream) }?.source
    let shown = context.hosts.filter {
      $0.source == reference && (joined.contains($0.stream) || alone.contains($0.stream))
    }.sorted { ($1.rows.count, $0.stream) < ($0.rows.count, $1.stream) }
    for host in shown.prefix(Self.mostDevices) {
      guard let stream = streams[host.stream], stream.first <= stream.last else { continue }
      let disks = context.disks.filter { $0.verdict == .joined && $0.device == host.stream }
      let regions = disks.flatMap { disk in
        disk.map.extents.map { (extent: $0, guest: streams[disk.disk]?.machine.name ?? "") }
      }.sorted { $0.extent.hostSector < $1.extent.hostSector }
      let foreign =
        disks.isEmpty
        ? nil
        : Set(
          zip(host.rows, DiskNeighbours.isForeign(host.rows, regions.map(\.extent))).lazy
            .filter(\.1).map(\.0.task))
      let owners = context.threads.owners(on: stream.machine.name)
      var known: [Int32: DeviceIntervals.Owner?] = [:]
      let rows = DeviceIntervals(
        host.rows, covered: stream.first...stream.last, named: Self.mostOwners
      ) { request in
        let own: DeviceIntervals.Owner?
        if let kept = known[request.task] {
          own = kept
        } else {
          let task = tasks[request.task]
          if let guest = task.flatMap({ owners[Int64($0.tid)]?.guest }) {
            own = .guest(guest)
          } else if foreign?.contains(request.task) ?? true {
            own = .thread(task?.name ?? "")
          } else {
            own = nil
          }
          known[request.task] = own
        }
        if let own { return own }
        // A thread of the guests, as where it writes tells: whose part of the device it is.
        let next = regions.partitioningIndex {
          $0.extent.hostSector >= request.sector + max(1, request.sectors)
        }
        return .guest(next > 0 ? regions[next - 1].guest : regions.first?.guest ?? "")
      }
      devices.append((stream.machine.name, stream.device, rows))
    }
  }

  // MARK: - Rows

  func write(to writer: CorrelationWriter, _ context: CorrelationContext) throws {
    for (guest, device, rows) in latencies {
      for row in rows.intervals {
        try writer.add(
          to: "latency_sum",
          [
            "guest": .text(guest), "device": .text(device), "op": .text(row.op),
            "at_ns": .integer(row.at), "interval_ns": .integer(row.length),
            "count": .integer(Int64(row.count)), "p50_ns": StoredValue(row.p50),
            "p99_ns": StoredValue(row.p99),
          ])
      }
      for cell in rows.cells {
        try writer.add(
          to: "latency_count",
          [
            "guest": .text(guest), "device": .text(device), "op": .text(cell.op),
            "at_ns": .integer(cell.at), "low_ns": .integer(cell.low),
            "high_ns": StoredValue(cell.high), "count": .integer(Int64(cell.count)),
          ])
      }
    }
    for (machine, row) in context.waitIntervals {
      try writer.add(
        to: "wait_sum",
        [
          "guest": .text(row.guest), "machine": .text(machine),
          "class": StoredValue(row.kind?.name),
          "of_guest": row.kind == .guest ? StoredValue(row.name) : .null,
          "comm": row.kind == .host ? StoredValue(row.name) : .null, "at_ns": .integer(row.at),
          "interval_ns": .integer(row.length), "wait_ns": .integer(row.wait),
          "vcpus": .integer(Int64(row.vcpus)),
        ])
    }
    for (machine, device, rows) in devices {
      for row in rows.rows {
        let (guest, comm): (StoredValue, StoredValue) =
          switch row.owner {
          case .guest(let name): (.text(name), .null)
          case .thread(let name): (.null, .text(name))
          case nil: (.null, .null)
          }
        try writer.add(
          to: "device_sum",
          [
            "machine": .text(machine), "device": .text(device), "guest": guest, "comm": comm,
            "at_ns": .integer(row.at), "interval_ns": .integer(row.length),
            "requests": .integer(Int64(row.requests)), "bytes": .integer(row.bytes),
          ])
      }
    }
  }
}

/// How long the I/Os of a disk took, interval by interval.
struct LatencyIntervals {
  struct Interval {
    let op: String
    let at: Int64
    let length: Int64
    let count: Int
    let p50: Int64?
    let p99: Int64?
  }

  struct Cell {
    let op: String
    let at: Int64
    let low: Int64
    let high: Int64?
    let count: Int
  }

  private(set) var intervals: [Interval] = []
  private(set) var cells: [Cell] = []

  /// Borders of the cells: five steps per power of ten, from 1 us to 1,000 s, ns; what is shorter begins at 0.
  static let borders: [Int64] =
    [0]
    + (3..<12).flatMap { power -> [Int64] in
      let unit = (0..<power).reduce(Int64(1)) { result, _ in result * 10 }
      return [1_000, 1_585, 2_512, 3_981, 6_310].map { unit / 1_000 * $0 }
    } + [1_000_000_000_000]

  /// Of the stretches of a disk, each with its I/Os; nil where none is known from Q to C.
  init?(
    _ stretches: [GuestIOs], covered: [ClosedRange<Int64>],
    moment: (GuestIO) -> Int64?
  ) {
    var ends: ClosedRange<Int64>?
    func forEach(_ body: (Int64, BlockOperation, Int64) -> Void) {
      for ios in stretches {
        for io in ios where io.isLeading && io.operation != .flush {
          guard let at = moment(io), let time = io.times[.block].nanoseconds else { continue }
          body(at, io.operation, time)
        }
      }
    }
    forEach { at, _, _ in ends = min(ends?.lowerBound ?? at, at)...max(ends?.upperBound ?? at, at) }
    guard var span = ends else { return nil }
    for own in covered {
      span = min(span.lowerBound, own.lowerBound)...max(span.upperBound, own.upperBound)
    }
    let grid = IntervalGrid(span)
    var all: [BlockOperation: [[Int64]]] = [:]
    forEach { at, operation, time in
      guard let place = grid.place(of: at) else { return }
      all[operation, default: Array(repeating: [], count: grid.count)][place].append(time)
    }
    for operation in [BlockOperation.read, .write] {
      if let own = all[operation] { add(operation.name, own, grid) }
    }
    var together = [[Int64]](repeating: [], count: grid.count)
    for own in all.values {
      for place in own.indices { together[place] += own[place] }
    }
    add(BlockOperation.together, together, grid)
  }

  private mutating func add(_ op: String, _ times: [[Int64]], _ grid: IntervalGrid) {
    for place in times.indices {
      let at = grid.begin(of: place)
      let own = times[place].sorted()
      func quantile(_ share: Double) -> Int64? {
        own.isEmpty
          ? nil : own[min(own.count - 1, Int((share * Double(own.count)).rounded(.up)) - 1)]
      }
      intervals.append(
        Interval(
          op: op, at: at, length: grid.covered(of: place), count: own.count, p50: quantile(0.5),
          p99: quantile(0.99)))
      var begin = 0
      for (row, low) in Self.borders.enumerated() where begin < own.count {
        let high = row + 1 < Self.borders.count ? Self.borders[row + 1] : nil
        let end = high.map { border in own.partitioningIndex { $0 >= border } } ?? own.count
        if end > begin {
          cells.append(Cell(op: op, at: at, low: low, high: high, count: end - begin))
        }
        begin = max(begin, end)
      }
    }
  }
}

/// What a device completed, interval by interval, and for whom.
struct DeviceIntervals {
  enum Owner: Hashable {
    case guest(String)
    case thread(String)
  }

  struct Row {
    /// Nil: all together.
    let owner: Owner?
    let at: Int64
    let length: Int64
    let requests: Int
    let bytes: Int64
  }

  private(set) var rows: [Row] = []

  private struct Sum {
    var requests = 0
    var bytes: Int64 = 0

    mutating func add(_ request: BlockRequest) {
      requests += 1
      bytes.add(saturating: 512 * min(request.sectors, 1 << 40))
    }
  }

  /// The guests, and so many others by name.
  init(
    _ requests: BlockRequests, covered: ClosedRange<Int64>, named most: Int,
    owner: (BlockRequest) -> Owner
  ) {
    let grid = IntervalGrid(covered)
    var whole = [Sum](repeating: Sum(), count: grid.count)
    var owners: [Owner: [Sum]] = [:]
    for request in requests
    where request.sectors > 0 && request.operation != .flush && request.issued.isSeen {
      guard let at = request.completed.nanoseconds, let place = grid.place(of: at) else { continue }
      whole[place].add(request)
      owners[owner(request), default: Array(repeating: Sum(), count: grid.count)][place].add(
        request)
    }
    func weight(_ owner: Owner) -> Int { owners[owner]?.reduce(0) { $0 + $1.requests } ?? 0 }
    let named = owners.keys.sorted {
      let (left, right) = (weight($0), weight($1))
      return left != right ? left > right : "\($0)" < "\($1)"
    }.prefix(most)
    add(nil, whole, grid)
    for owner in named { add(owner, owners[owner] ?? [], grid) }
  }

  private mutating func add(_ owner: Owner?, _ sums: [Sum], _ grid: IntervalGrid) {
    for (place, sum) in sums.enumerated() where owner == nil || sum.requests > 0 {
      rows.append(
        Row(
          owner: owner, at: grid.begin(of: place), length: grid.covered(of: place),
          requests: sum.requests, bytes: sum.bytes))
    }
  }
}
