internal import TraceCorrelation
internal import TraceModel
internal import TraceStore

/// What the passes of a correlation share: what was ingested, each read once, when it is first asked for, and what
/// earlier passes found for later ones.
final class CorrelationContext {
  let file: IncidentFile

  // MARK: Block traces

  /// All devices of all block traces, stretch by stretch.
  let streams: [BlockStream]
  /// The guests' disks.
  let guests: [GuestDisk]
  /// The hosts' devices. One without requests at a driver (device-mapper, md) is a layer above the one that matters.
  let hosts: [HostDevice]
  /// The devices of both, with their requests.
  let devices: [TracedDevice]

  // MARK: What was found

  /// The guests' disks with their I/Os, in the order of ``guests``.
  var disks: [DiskJoin] = []
  /// The clocks of the guests' block traces.
  var clocks: [SourceClock] = []
  /// By guest: when its threads waited for a CPU of the host.
  var waits: [String: PhaseAmounts] = [:]
  /// By guest of which the host alone tells: when they waited for one that others held.
  var neighbourWaits: [String: PhaseAmounts] = [:]
  /// Who had the CPUs that the guests' virtual CPUs waited for, interval by interval, with the host.
  var waitIntervals: [(machine: String, row: CulpritIntervals.Row)] = []
  /// By guest: what it counted as stolen, where that has a place on the timeline of its I/Os.
  var stolen: [String: StolenTime] = [:]
  /// By guest: when it stood still.
  var pauses: [String: [PauseSearch.Pause]] = [:]
  /// By guest: the stretches of time that a person named.
  var windows: [String: NamedWindows] = [:]
  /// The guests' phases.
  var stories: [PhaseStory] = []
  /// The limits on I/O at which disks were.
  var limits: [LimitCorrelation.Limit] = []
  /// The I/Os that count as slow where a person said which; else the slowest do.
  var slowSelection: SlowSelection?
  /// The requests of the slowest I/Os of the busiest disks.
  var slowRequests: Set<Int64> = []
  /// When nothing left a driver's queue.
  var stalls: [QueueStallRow] = []
  /// The guests that own threads, and the scheduler traces.
  var threads = ThreadFindings()

  private var keptTasks: [(task: Int32, tid: UInt32, name: String)]?
  private var keptTids: [Int32: UInt32]?
  private var keptThreads: [TracedThreadRow]?
  private var keptFacts: [ThreadFactRow]?
  private var keptMachines: [Layer: [String]] = [:]
  private var keptProcesses: [String: [Int64: String]] = [:]
  private var keptWallSources: [WallSourceRow]?
  private var keptVmstat: [String: [CPUReportRow]] = [:]
  private var keptProcStat: [String: [CPUReportRow]] = [:]
  private var keptCounts: [String: Int?] = [:]
  private var keptRecords: RecordedClocks?
  private var keptHostThreads: HostThreads?
  private var keptHalves: [Int: IOHalves] = [:]
  private var keptPartNames: [String: HalfPartNames] = [:]
  private var keptVirtioSums: VirtioSums?

  init(_ file: IncidentFile) throws {
    self.file = file
    let streams = try file.blockStreams()
    let maps = GivenMaps.compose(try file.givenExtents())
    let requests = try file.requests(of: streams)
    let bios = try file.mergedBios()
    let guests = try streams.filter { $0.machine.layer == .guest }.map { stream in
      let rows = requests[stream.stream] ?? []
      let written = GivenMaps.written(
        try file.givenMapping(guest: stream.machine.name, device: stream.device), rows)
      return GuestDisk(
        machine: stream.machine.name, stream: stream.stream, source: stream.source,
        segment: stream.segment, rows: rows, bios: bios[stream.stream] ?? [],
        maps: (written.map { [$0] } ?? []) + maps)
    }
    let hosts = streams.filter { $0.machine.layer == .host && $0.issuedRequests > 0 }.map {
      stream in
      HostDevice(
        stream: stream.stream, source: stream.source, rows: requests[stream.stream] ?? [],
        bios: bios[stream.stream] ?? [], remapDeltas: stream.remapDeltas,
        losses: stream.losses, first: stream.first, last: stream.last)
    }
    devices = streams.compactMap { stream -> TracedDevice? in
      if let disk = guests.first(where: { $0.stream == stream.stream }) {
        return TracedDevice(stream: stream, rows: disk.rows, bios: disk.bios)
      }
      return hosts.first { $0.stream == stream.stream }.map {
        TracedDevice(stream: stream, rows: $0.rows, bios: $0.bios)
      }
    }
    (self.streams, self.guests, self.hosts) = (streams, guests, hosts)
  }

  /// The span of a traced device, ns on the reference or on its own clock; nil where it has no event, or no clock ties it
  /// to the reference.
  func span(of device: Int32, onReference: Bool) -> ClosedRange<Int64>? {
    guard let stream = streams.first(where: { $0.stream == device }), stream.first <= stream.last
    else { return nil }
    guard onReference else { return stream.first...stream.last }
    let clock = clocks.first { $0.source == stream.source && $0.segment == stream.segment }?.clock
    guard let clock else { return nil }
    let (from, to) = (clock.reference(stream.first), clock.reference(stream.last))
    return from <= to ? from...to : nil
  }

  // MARK: Made once

  /// Which threads queued the requests of the hosts.
  func hostThreads() throws -> HostThreads {
    try kept(\.keptHostThreads) { try HostThreads(self) }
  }

  /// The halves of the virtio queue of the I/Os of a disk, by its place among ``disks``, when their hops are known; nil
  /// where its requests are not.
  func halves(of place: Int) throws -> IOHalves? {
    if let halves = keptHalves[place] { return halves }
    let disk = disks[place]
    guard let device = devices.first(where: { $0.stream.stream == disk.disk }) else { return nil }
    let halves = IOHalves(disk.ios, device.rows, try hostThreads())
    keptHalves[place] = halves
    return halves
  }

  /// The parts of the halves of a guest's I/Os, when the scheduler traces were read.
  func halfPartNames(of guest: String) -> HalfPartNames {
    if let names = keptPartNames[guest] { return names }
    let names = HalfPartNames(of: guest, threads.traces, threads.owners)
    keptPartNames[guest] = names
    return names
  }

  /// What they add up to, as far as an earlier pass has read for it.
  func virtioSums() -> VirtioSums {
    if let sums = keptVirtioSums { return sums }
    let sums = VirtioSums(self)
    keptVirtioSums = sums
    return sums
  }

  // MARK: Read once

  /// Value of a property that is read from the file when it is first asked for.
  private func kept<Value>(
    _ place: ReferenceWritableKeyPath<CorrelationContext, Value?>, _ read: () throws -> Value
  ) throws -> Value {
    if let value = self[keyPath: place] { return value }
    let value = try read()
    self[keyPath: place] = value
    return value
  }

  /// The tasks of the block traces.
  func tasks() throws -> [(task: Int32, tid: UInt32, name: String)] {
    try kept(\.keptTasks) { try file.tasks() }
  }

  /// Their thread ids, by task.
  func tids() throws -> [Int32: UInt32] {
    try kept(\.keptTids) {
      Dictionary(uniqueKeysWithValues: try tasks().map { ($0.task, $0.tid) })
    }
  }

  /// The threads of the scheduler traces.
  func tracedThreads() throws -> [TracedThreadRow] {
    try kept(\.keptThreads) { try file.tracedThreads() }
  }

  /// What files said of threads.
  func threadFacts() throws -> [ThreadFactRow] { try kept(\.keptFacts) { try file.threadFacts() } }

  /// The names of the guests, or of the hosts.
  func machineNames(_ layer: Layer) throws -> [String] {
    try kept(\.keptMachines[layer]) { try file.machineNames(layer) }
  }

  /// The guests of hypervisors' processes, as command lines of a machine name them.
  func guestsByProcess(of machine: String) throws -> [Int64: String] {
    try kept(\.keptProcesses[machine]) { try file.guestsByProcess(of: machine) }
  }

  /// The sources whose times are dates.
  func wallSources() throws -> [WallSourceRow] {
    try kept(\.keptWallSources) { try file.wallSources() }
  }

  /// What vmstat said of a machine's CPU time.
  func vmstatReports(of machine: String) throws -> [CPUReportRow] {
    try kept(\.keptVmstat[machine]) { try file.vmstatReports(of: machine) }
  }

  /// What /proc/stat said of it.
  func procStatReports(of machine: String) throws -> [CPUReportRow] {
    try kept(\.keptProcStat[machine]) { try file.procStatReports(of: machine) }
  }

  /// How many CPUs a machine's own files list; nil where none does.
  func cpuCount(of machine: String) throws -> Int? {
    try kept(\.keptCounts[machine]) { try file.cpuCount(of: machine) }
  }

  /// What was recorded of the guests' clocks.
  func recordedClocks() throws -> RecordedClocks {
    try kept(\.keptRecords) {
      func sources(_ layer: Layer) -> [Int64: String] {
        Dictionary(
          streams.filter { $0.machine.layer == layer }.map { ($0.source, $0.machine.name) },
          uniquingKeysWith: { first, _ in first })
      }
      return try RecordedClocks(file, guests: sources(.guest), hosts: sources(.host))
    }
  }
}

/// A device's stretch of a block trace with its requests.
struct TracedDevice {
  let stream: BlockStream
  let rows: BlockRequests
  let bios: [MergedBio]
}
