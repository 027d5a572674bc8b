internal import TraceCorrelation
internal import TraceModel
internal import TraceStore

/// What the rules need of a part of the capture and no table of the file has: sums over slices of threads, over requests of
/// the host's devices, and over readings of network counters. They are found as those of the whole capture are.
struct SelectedSums {
  private struct Trace {
    let source: Int64
    /// The part of it, own ns; nil: none.
    let span: Range<Int64>?
    var sums: [Int64: ThreadSums] = [:]
    var blame: [(pair: Culprits.Pair, kind: CulpritClass, wait: Int64)] = []
  }

  private let file: IncidentFile
  /// On the timeline, ns.
  private let window: Range<Int64>
  private var traces: [Trace] = []
  private var neighbours: [DiskNeighbours.Neighbour] = []
  private var network: NetworkCorrelation
  /// Of what nothing is known to lie in the window: it is of another time, or nothing ties it to the timeline. Scheduler
  /// traces and counters that the incident lacks are not among them: their rules say so.
  private(set) var unplaced: Set<Evidence.Kind> = []

  init(_ file: IncidentFile, _ window: Range<Int64>) throws {
    (self.file, self.window) = (file, window)
    var clocks: [Int64: StoredClock?] = [:]
    var (readings, chosen) = (0, 0)
    network = try NetworkCorrelation(file) { row in
      if clocks[row.source] == nil {
        clocks[row.source] = .some(try? file.storedClock(of: row.source))
      }
      readings += 1
      guard let wall = row.wall, let clock = clocks[row.source] ?? nil else { return false }
      let moment = clock.reference(wall)
      guard window.lowerBound <= moment, moment <= window.upperBound else { return false }
      chosen += 1
      return true
    }
    if readings > 0, chosen == 0 { unplaced.insert(.network) }
    try addThreads()
    try addNeighbours()
  }

  /// Writes them for as long as the body runs.
  func during<Value>(_ body: () throws -> Value) throws -> Value {
    try file.withSums { writer in
      for trace in traces {
        guard let span = trace.span else {
          try writer.remove(source: trace.source)
          continue
        }
        try writer.replace(source: trace.source, span: span, trace.sums)
        for (pair, kind, wait) in trace.blame {
          try writer.found.addBlame(
            victim: pair.victim, culprit: pair.culprit == 0 ? nil : pair.culprit,
            kind: kind.rawValue,
            wait: wait)
        }
      }
      for neighbour in neighbours { try writer.found.add(neighbour.row) }
      try network.write(to: writer.found)
    } _: {
      try body()
    }
  }

  // MARK: Threads

  private mutating func addThreads() throws {
    let threads = Dictionary(grouping: try file.tracedThreads(), by: \.source)
    let owners = Dictionary(
      uniqueKeysWithValues: try file.threadOwners().map {
        (
          $0.thread,
          ThreadOwners.Owner(role: $0.role, guest: $0.guest, vcpu: $0.vcpu, process: $0.process)
        )
      })
    let hosts = Set(threads.filter { $0.value.first?.machine.layer == .host }.keys)
    for (source, own) in threads.sorted(by: { $0.key < $1.key }) {
      guard let start = try file.traceStart(of: source),
        let clock = try file.storedClock(of: source)
      else {
        traces.append(Trace(source: source, span: nil))
        continue
      }
      let from = max(start.first, clock.own(window.lowerBound))
      let to = min(start.last, clock.own(window.upperBound))
      traces.append(
        from < to
          ? try trace(source, from..<to, own, owners) : Trace(source: source, span: nil))
    }
    let isAway = traces.allSatisfy { $0.span == nil || !hosts.contains($0.source) }
    if !hosts.isEmpty, isAway { unplaced.insert(.hostScheduler) }
  }

  private func trace(
    _ source: Int64, _ span: Range<Int64>, _ threads: [TracedThreadRow],
    _ owners: [Int64: ThreadOwners.Owner]
  ) throws -> Trace {
    var trace = Trace(source: source, span: span)
    var culprits = Culprits(
      threads: threads.map(\.id), idle: Set(threads.filter { $0.tid == 0 }.map(\.id)))
    let segments = Dictionary(
      uniqueKeysWithValues: threads.filter { $0.segment > 0 }.map { ($0.id, $0.segment) })
    func parts(_ body: (ThreadSlice, Int32) -> Void) throws {
      try file.forEachSlice(of: source, from: span.lowerBound, to: span.upperBound) { slice in
        guard slice.isPossible, let part = slice.part(in: span) else { return }
        body(part, segments[slice.thread, default: 0])
      }
    }
    try parts {
      trace.sums[$0.thread, default: ThreadSums()].add($0)
      culprits.add($0, segment: $1)
    }
    culprits.finish()
    if var starved = culprits.starved {
      try parts { starved.add($0, segment: $1) }
      starved.finish()
      culprits.add(starved)
    }
    let blame = culprits.blame
    trace.blame = CulpritClass.blame(blame, owners, Throttling(blame, owners: owners))
    return trace
  }

  // MARK: Devices

  /// The requests of hosts' devices that began in the window, and the guests' I/Os on them.
  private mutating func addNeighbours() throws {
    let streams = try file.blockStreams()
    for (layer, kind) in [(Layer.guest, Evidence.Kind.guestBlocks), (.host, .hostBlocks)] {
      let isThere = try streams.contains { stream in
        guard stream.machine.layer == layer else { return false }
        let clock = try file.storedClock(of: stream.source)
        return (clock?.reference(stream.first) ?? stream.first) < window.upperBound
          && (clock?.reference(stream.last) ?? stream.last) >= window.lowerBound
      }
      if !isThere { unplaced.insert(kind) }
    }
    let devices = streams.filter { $0.machine.layer == .host && $0.issuedRequests > 0 }
    guard !devices.isEmpty else { return }
    let clocks = try Dictionary(
      uniqueKeysWithValues: devices.map { ($0.stream, try file.storedClock(of: $0.source)) })
    let requests = try file.requests(of: devices) { [window] stream, begin in
      begin != .min && window.contains((clocks[stream] ?? nil)?.reference(begin) ?? begin)
    }
    let hosts = devices.map { stream in
      HostDevice(
        stream: stream.stream, source: stream.source,
        rows: requests[stream.stream] ?? [], bios: [], remapDeltas: [], losses: [],
        first: stream.first, last: stream.last)
    }
    let tasks = try file.tasks()
    var working: [String: Set<Int64>] = [:]
    for row in try file.rows("SELECT machine, tid FROM thread_wait WHERE guest IS NOT NULL") {
      guard let machine = row.text("machine"), let tid = row.integer("tid") else { continue }
      working[machine, default: []].insert(tid)
    }
    let own = Dictionary(
      uniqueKeysWithValues: devices.map { stream in
        let threads = working[stream.machine.name] ?? []
        return (
          stream.stream,
          Set(tasks.lazy.filter { threads.contains(Int64($0.tid)) }.map(\.task))
        )
      })
    let found = DiskNeighbours(
      try disks(streams, devices), hosts,
      names: Dictionary(
        uniqueKeysWithValues: tasks.map { ($0.task, (tid: Int64($0.tid), name: $0.name)) }),
      own: own)
    neighbours = NeighbourCorrelation.merged(found.neighbours, streams)
  }

  /// The joined disks, with the stays of their I/Os that are in the window.
  private func disks(
    _ streams: [BlockStream], _ devices: [BlockStream]
  ) throws -> [DiskNeighbours.Disk] {
    typealias Device = MachinePairing.Device
    var regions: [Device: [(host: Device, extent: ExtentMap.Extent)]] = [:]
    for row in try file.rows(
      "SELECT guest, guest_device, host, host_device, guest_sector, host_sector, sectors FROM device_map"
    ) {
      guard let guest = row.text("guest"), let device = row.text("guest_device"),
        let host = row.text("host"), let hostDevice = row.text("host_device"),
        let from = row.integer("guest_sector"), let to = row.integer("host_sector"),
        let sectors = row.integer("sectors")
      else { continue }
      regions[Device(machine: guest, device: device), default: []].append(
        (
          Device(machine: host, device: hostDevice),
          ExtentMap.Extent(guestSector: from, hostSector: to, sectors: sectors)
        ))
    }
    var stays: [Device: [Span]] = [:]
    let onHost = Hop.onHost.map(\.column).joined(separator: " + ")
    for row in try file.rows(
      """
      SELECT guest, device,
        reference_ns + coalesce(guest_scheduler_ns, 0) + virtio_submit_ns AS from_ns,
        reference_ns + coalesce(guest_scheduler_ns, 0) + virtio_submit_ns + \(onHost) AS to_ns
      FROM io WHERE leading = 1 AND reference_ns >= \(window.lowerBound) AND reference_ns < \(window.upperBound)
        AND virtio_submit_ns + \(onHost) IS NOT NULL
      """)
    {
      guard let guest = row.text("guest"), let device = row.text("device"),
        let from = row.integer("from_ns"), let to = row.integer("to_ns")
      else { continue }
      stays[Device(machine: guest, device: device), default: []].append(
        Span(from: from, to: to))
    }
    return streams.filter { $0.machine.layer == .guest && $0.segment == 0 }.flatMap { stream in
      let disk = Device(machine: stream.machine.name, device: stream.device)
      return Dictionary(grouping: regions[disk] ?? [], by: \.host).flatMap { host, parts in
        devices.filter { $0.machine.name == host.machine && $0.device == host.device }.map {
          device in
          DiskNeighbours.Disk(
            disk: stream.stream, device: device.stream, regions: parts.map(\.extent),
            stays: stays[disk] ?? [])
        }
      }
    }
  }
}

extension ThreadSlice {
  /// The part of it that lies in a span, own ns; nil where none does.
  func part(in span: Range<Int64>) -> ThreadSlice? {
    var part = self
    let waited = wait == .min ? began : began - wait
    let end = run == .min ? began : began + run
    guard waited < span.upperBound, end > span.lowerBound else { return nil }
    part.began = min(max(began, span.lowerBound), span.upperBound)
    if wait != .min {
      let left = part.began - max(waited, span.lowerBound)
      if left > 0 { part.wait = left } else { part.forgetWait() }
    }
    if run != .min {
      let left = min(end, span.upperBound) - part.began
      part.run = left > 0 ? left : .min
    }
    return part
  }
}
