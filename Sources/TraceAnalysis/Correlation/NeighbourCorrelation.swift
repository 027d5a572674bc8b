internal import TraceCorrelation
internal import TraceModel
internal import TraceStore

/// Who else used the devices on which guests' disks lie.
struct NeighbourCorrelation: CorrelationPass {
  static let fills = ["device_neighbour"]

  private let neighbours: [DiskNeighbours.Neighbour]

  init(_ context: CorrelationContext) throws {
    let tasks = try context.tasks()
    let names = Dictionary(
      uniqueKeysWithValues: tasks.map { ($0.task, (tid: Int64($0.tid), name: $0.name)) })
    let own = context.threads.guestThreads.mapValues { threads in
      Set(tasks.lazy.filter { threads.contains(Int64($0.tid)) }.map(\.task))
    }
    let machines = Dictionary(
      uniqueKeysWithValues: context.streams.map { ($0.stream, $0.machine.name) })
    let beside = DiskNeighbours(
      context.disks.compactMap { DiskNeighbours.Disk($0) }, context.hosts, names: names,
      own: Dictionary(
        uniqueKeysWithValues: context.hosts.map {
          ($0.stream, machines[$0.stream].flatMap { own[$0] } ?? [])
        }))
    neighbours = Self.merged(beside.neighbours, context.streams)
  }

  func write(to writer: CorrelationWriter, _ context: CorrelationContext) throws {
    for neighbour in neighbours { try writer.add(neighbour.row) }
  }

  /// The neighbours of each disk on each device, of all stretches of either trace; the one that used the device
  /// most first.
  static func merged(
    _ neighbours: [DiskNeighbours.Neighbour], _ streams: [BlockStream]
  ) -> [DiskNeighbours.Neighbour] {
    let devices = Dictionary(
      uniqueKeysWithValues: streams.map { ($0.stream, TracedDisk($0)) })
    struct Pair: Hashable {
      let disk: TracedDisk?
      let device: TracedDisk?
    }
    let groups = Dictionary(grouping: neighbours) {
      Pair(disk: devices[$0.disk], device: devices[$0.device])
    }
    return groups.values.sorted {
      ($0[0].disk, $0[0].device) < ($1[0].disk, $1[0].device)
    }.flatMap(DiskNeighbours.merged)
  }
}

extension DiskNeighbours.Neighbour {
  var row: DiskNeighbourRow {
    DiskNeighbourRow(
      guestStream: disk, hostStream: device, comm: comm, requests: requests, bytes: bytes,
      deviceTime: deviceTime, share: share, besideCount: beside.count, besideMean: beside.mean,
      aloneCount: alone.count, aloneMean: alone.mean, tid: tid,
      active: active.map { ($0.from, $0.to) }, sectors: sectors)
  }
}
