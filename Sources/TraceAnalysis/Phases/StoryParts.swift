internal import TraceCorrelation
internal import TraceModel
internal import TraceStore

/// What the parts of a guest's hops add up to, while its traces are looked at.
struct StoryParts {
  /// A host's device below disks of the guest, and whose its requests are.
  struct Device {
    let stream: Int32
    let users: DeviceUsers
  }

  private let population: PhasePopulation
  /// The columns of the parts of either half, in the order of their names.
  private let halves: (submit: [Int], back: [Int])
  /// By the place of a disk among those of the context: its device's among those of the population.
  private let places: [Int?]
  private(set) var sums: PartSums

  /// Users of devices that have a part of their own.
  private static let mostUsers = 12

  /// Nil where nothing but the baseline is there. `devices` are those of which it is known who used them over all phases.
  init?(_ story: PhaseStory, _ context: CorrelationContext, _ devices: [Device]) {
    guard let membership = PhaseMembership(story.population, story.phases) else { return nil }
    population = story.population
    let guest = population.guest
    let names = context.halfPartNames(of: guest)
    let streams = Dictionary(uniqueKeysWithValues: context.streams.map { ($0.stream, $0) })
    places = context.disks.map { [devices = population.devices] disk in
      streams[disk.disk].flatMap {
        $0.machine.name == guest ? devices.firstIndex(of: $0.device) : nil
      }
    }
    let users = Self.userParts(devices)
    let queue = QueueParts(story, context)
    var columns: [PartSums.Column] = queue.columns
    if population.side == .guest {
      for hop in [Hop.virtioSubmit, .virtioReturn] {
        columns += names.parts.map { PartSums.Column(hop: hop, part: $0) }
      }
    }
    if !devices.isEmpty {
      for hop in Hop.onHost { columns += users.map { PartSums.Column(hop: hop, part: $0) } }
    }
    sums = PartSums(columns, devices: population.devices.count, membership)
    halves = (
      names.parts.map { Self.place($0, of: .virtioSubmit, in: columns) },
      names.parts.map { Self.place($0, of: .virtioReturn, in: columns) }
    )
    let known = Self.diskPlaces(story, context, devices)
    population.forEach { device, moment, io in
      sums.count(io, device: device, at: moment) { hop in
        switch hop {
        case .virtioSubmit: io.submitCPUWait.isSeen
        case .virtioReturn: io.returnCPUWait.isSeen
        case .hostScheduler, .hardwareQueue: known.contains(device)
        default: true
        }
      }
    }
    queue.lay(story, context, to: &sums)
    lay(story, context, devices)
  }

  private static func place(
    _ part: HopPart, of hop: Hop, in columns: [PartSums.Column]
  ) -> Int {
    columns.firstIndex(of: .init(hop: hop, part: part)) ?? 0
  }

  // MARK: - Devices

  private static func part(_ user: DeviceUsers.User) -> HopPart {
    switch user {
    case .own: HopPart(.behind, word: HopPart.own)
    case .recorder: HopPart(.behind, word: HopPart.recorder)
    case .kernel: HopPart(.behind, word: HopPart.kernel)
    case .other(let name, _):
      name.isEmpty ? HopPart(.behind, word: HopPart.others) : HopPart(.behind, name: name)
    }
  }

  /// The last is for all others.
  private static func userParts(_ devices: [Device]) -> [HopPart] {
    var times: [HopPart: Int64] = [:]
    for device in devices {
      let parts = device.users.users.map(part)
      for (place, row) in zip(device.users.places, device.users.rows) {
        times[parts[Int(place)], default: 0].add(saturating: DiskNeighbours.deviceTime(row))
      }
    }
    let named = times.filter { $0.key.name != nil }
      .sorted { ($1.value, $0.key.name ?? "") < ($0.value, $1.key.name ?? "") }
      .prefix(mostUsers).map(\.key)
    let words = times.keys.filter { $0.name == nil && $0.word != HopPart.others }
      .sorted { ($0.word ?? "") < ($1.word ?? "") }
    return named + words + [HopPart(.behind, word: HopPart.others)]
  }

  /// The places of the disks below which all devices are known.
  private static func diskPlaces(
    _ story: PhaseStory, _ context: CorrelationContext, _ devices: [Device]
  ) -> Set<Int> {
    let known = Set(devices.map(\.stream))
    var places: Set<Int> = []
    var others: Set<Int> = []
    forEachDisk(of: story, context) { place, stream, _ in
      guard let stream else { return }
      if known.contains(stream) { places.insert(place) } else { others.insert(place) }
    }
    return places.subtracting(others)
  }

  /// Each stretch of the guest's disks: its place among those of the population, the device below, its I/Os.
  private static func forEachDisk(
    of story: PhaseStory, _ context: CorrelationContext,
    _ body: (_ place: Int, _ device: Int32?, _ ios: GuestIOs) -> Void
  ) {
    let population = story.population
    func place(_ device: String) -> Int? { population.devices.firstIndex(of: device) }
    if let requests = story.requests {
      for device in requests.devices {
        guard let place = place(device.name) else { continue }
        body(place, device.stream, HostRequests.ios(device.rows))
      }
      return
    }
    let streams = Dictionary(
      uniqueKeysWithValues: context.streams.map { ($0.stream, $0) })
    for disk in context.disks {
      guard let stream = streams[disk.disk], stream.machine.name == population.guest,
        let place = place(stream.device)
      else { continue }
      body(place, disk.verdict == .joined ? disk.device : nil, disk.ios)
    }
  }

  private mutating func lay(
    _ story: PhaseStory, _ context: CorrelationContext, _ devices: [Device]
  ) {
    guard !devices.isEmpty else { return }
    var places: [HopPart: (waiting: Int, atDevice: Int)] = [:]
    for (place, column) in sums.columns.enumerated() where column.part.kind == .behind {
      var own = places[column.part] ?? (0, 0)
      if column.hop == .hostScheduler { own.waiting = place } else { own.atDevice = place }
      places[column.part] = own
    }
    let others = HopPart(.behind, word: HopPart.others)
    let known = places.keys.sorted { ($0.name ?? "", $0.label) < ($1.name ?? "", $1.label) }
    let columns = known.map { places[$0] ?? (0, 0) }
    let numbers = Dictionary(uniqueKeysWithValues: known.enumerated().map { ($1, $0) })
    for device in devices {
      let parts = DeviceParts(device.users) { user in
        numbers[Self.part(user)] ?? numbers[others] ?? 0
      }
      Self.forEachDisk(of: story, context) { place, stream, ios in
        guard stream == device.stream else { return }
        for io in ios {
          guard let moment = population.moment(of: io), let (waiting, atDevice) = stays(io)
          else { continue }
          parts.lay(waiting: waiting, atDevice: atDevice) { isWaiting, part, time in
            sums.add(
              time, column: isWaiting ? columns[part].waiting : columns[part].atDevice, io,
              device: place, at: moment)
          }
        }
      }
    }
  }

  /// When an I/O waited for the device, and when it was there.
  private func stays(_ io: GuestIO) -> (waiting: Span, atDevice: Span)? {
    guard let start = io.reference.nanoseconds else { return nil }
    if population.side == .host {
      guard let time = io.times[.hardwareQueue].nanoseconds else { return nil }
      let issued = Stamp.sum(start, io.times[.hostScheduler].nanoseconds ?? 0)
      return (Span(from: start, to: issued), Span(from: issued, to: Stamp.sum(issued, time)))
    }
    guard let queued = io.times.begin(of: .hostScheduler, from: start),
      let issued = io.times.end(of: .hostScheduler, from: start),
      let completed = io.times.end(of: .hardwareQueue, from: start), queued <= issued,
      issued <= completed
    else { return nil }
    return (Span(from: queued, to: issued), Span(from: issued, to: completed))
  }

  // MARK: - CPUs

  /// Takes a time of a part of a half of an I/O of one of the guest's disks.
  mutating func add(_ half: Hop, _ part: Int, _ time: Int64, _ io: GuestIO, _ disk: Int) {
    guard let device = places[disk], let moment = population.moment(of: io) else { return }
    let column = half == .virtioSubmit ? halves.submit[part] : halves.back[part]
    sums.add(time, column: column, io, device: device, at: moment)
  }
}

/// The parts of the guest's own queue that are known: the cache flush before an I/O, and that the queue to the host was
/// full.
struct QueueParts {
  let columns: [PartSums.Column]

  private static let flush = PartSums.Column(hop: .guestScheduler, part: HopPart(.flush))
  private static let full = PartSums.Column(hop: .guestScheduler, part: HopPart(.ringFull))

  init(_ story: PhaseStory, _ context: CorrelationContext) {
    var (hasFlush, hasRequeue) = (false, false)
    story.population.forEach { _, _, io in
      hasFlush = hasFlush || io.flush.isSeen
      hasRequeue = hasRequeue || io.requeue.isSeen
    }
    columns = (hasFlush ? [Self.flush] : []) + (hasRequeue ? [Self.full] : [])
  }

  func lay(_ story: PhaseStory, _ context: CorrelationContext, to sums: inout PartSums) {
    let flush = sums.columns.firstIndex(of: Self.flush)
    let full = sums.columns.firstIndex(of: Self.full)
    guard flush != nil || full != nil else { return }
    story.population.forEach { device, moment, io in
      guard let whole = io.times[.guestScheduler].nanoseconds else { return }
      let flushed = min(whole, io.flush.nanoseconds ?? 0)
      // From the first D that the driver gave back to the last one.
      let held = min(whole - flushed, io.requeue.nanoseconds ?? 0)
      if let flush { sums.add(flushed, column: flush, io, device: device, at: moment) }
      if let full { sums.add(held, column: full, io, device: device, at: moment) }
    }
  }
}
