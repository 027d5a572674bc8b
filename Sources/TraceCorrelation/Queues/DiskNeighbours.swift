public import TraceModel

/// Who else used the device below a guest's disk, how much of it, and how the guest's own I/Os fared beside
/// them.
///
/// A thread belongs to the guests when most of what it asked of the device lies in their parts of it: the
/// address alone would make a neighbour of a guest whose image is known in pieces only.
public struct DiskNeighbours: Sendable {
  /// What one neighbour asked of a device, and how one guest's disk fared beside it.
  public struct Neighbour: Sendable {
    /// The guest disk's stretch.
    public let disk: Int32
    /// The device's stretch.
    public let device: Int32
    /// Its threads' name; nil for all that are not told by name.
    public let comm: String?
    /// Its requests that carry data.
    public let requests: Int
    /// Their bytes.
    public let bytes: Int64
    /// Their time from D to C, summed, ns.
    public let deviceTime: Int64
    /// That of all requests of the device, ns.
    public let wholeTime: Int64
    /// Its part of that, 0 to 1.
    public var share: Double { wholeTime > 0 ? Double(deviceTime) / Double(wholeTime) : 0 }
    /// The disk's I/Os that were on the host while one of its requests was.
    public let beside: Stays
    /// The disk's I/Os that met no neighbour's request.
    public let alone: Stays
    /// The thread's id; nil where several have that name.
    public let tid: Int64?
    /// From the begin of its first request to the last end of one; nil where that was not seen.
    public let active: Span?
    /// The first and the last sector that it asked for.
    public let sectors: ClosedRange<Int64>?
  }

  /// Some I/Os' time on the host.
  public struct Stays: Sendable, Equatable {
    /// How many.
    public let count: Int
    /// The mean of H4 and H5 together, ns; nil without any.
    public let mean: Int64?

    init(count: Int, mean: Int64?) {
      self.count = count
      self.mean = mean
    }

    /// Several groups of I/Os as one.
    init(_ parts: [Stays]) {
      let all = parts.reduce(0) { $0 + $1.count }
      let sum = parts.reduce(0.0) { $0 + Double($1.count) * Double($1.mean ?? 0) }
      self.init(
        count: all, mean: all == 0 ? nil : Int64(exactly: (sum / Double(all)).rounded()))
    }
  }

  /// Of each disk, the one that used its device most first.
  public private(set) var neighbours: [Neighbour] = []

  /// Neighbours that are told by name; the rest are one row.
  private static let most = 50

  /// A guest's disk on a device.
  public struct Disk: Sendable {
    let disk: Int32
    let device: Int32
    let regions: [ExtentMap.Extent]
    let stays: [Span]

    /// The disk's stretch, that of the device, where the disk lies on it, and from t4 to t6 of its I/Os.
    public init(disk: Int32, device: Int32, regions: [ExtentMap.Extent], stays: [Span]) {
      (self.disk, self.device, self.regions) = (disk, device, regions)
      self.stays = stays.sorted { ($0.from, $0.to) < ($1.from, $1.to) }
    }

    /// Nil for a disk that was not joined.
    public init?(_ join: DiskJoin) {
      guard join.verdict == .joined, let device = join.device else { return nil }
      self.init(
        disk: join.disk, device: device, regions: join.map.extents,
        stays: DiskNeighbours.hostStays(join))
    }
  }

  /// Of joined disks, the host's devices, and the names of the threads by their numbers. `own`: threads that
  /// are known to work for a guest, by the stretch of the device: two hosts give their threads the same numbers.
  public init(
    _ disks: [Disk], _ hosts: [HostDevice], names: [Int32: (tid: Int64, name: String)],
    own threads: [Int32: Set<Int32>]
  ) {
    for host in hosts {
      let own = disks.filter { $0.device == host.stream }
      guard !own.isEmpty else { continue }
      let regions = own.flatMap(\.regions)
      let requests = host.rows.lazy.filter {
        $0.sector >= 0 && $0.sectors > 0 && $0.completed.isSeen
      }
      let guests = threads[host.stream] ?? []
      let foreign = zip(requests, Self.isForeign(each: requests, regions)).lazy
        .filter { $1 && !guests.contains($0.task) }.map(\.0)
      let groups = Self.groups(foreign, names)
      guard !groups.isEmpty else { continue }
      let whole = requests.saturatingSum(Self.deviceTime)
      for disk in own { add(disk, host, groups, whole: whole) }
    }
  }

  /// The neighbours of one disk on one device whose traces are in several stretches, as one: what is of one stretch
  /// of the device counts once, whatever stretches of the disk met it.
  public static func merged(_ neighbours: [Neighbour]) -> [Neighbour] {
    guard let first = neighbours.first,
      neighbours.contains(where: { $0.disk != first.disk || $0.device != first.device })
    else { return neighbours }
    let parts = Dictionary(grouping: neighbours, by: \.device)
    let whole = parts.values.compactMap(\.first).saturatingSum(\.wholeTime)
    return Dictionary(grouping: neighbours, by: \.comm).map { comm, own in
      let once = Dictionary(grouping: own, by: \.device).values.compactMap(\.first)
      return Neighbour(
        disk: first.disk, device: first.device, comm: comm,
        requests: once.reduce(0) { $0 + $1.requests }, bytes: once.saturatingSum(\.bytes),
        deviceTime: once.saturatingSum(\.deviceTime), wholeTime: whole,
        beside: Stays(own.map(\.beside)), alone: Stays(own.map(\.alone)),
        tid: once.dropFirst().allSatisfy { $0.tid == once[0].tid } ? once[0].tid : nil,
        active: Self.hull(once.compactMap(\.active)),
        sectors: once.compactMap(\.sectors).reduce(nil) { hull, own in
          hull.map { min($0.lowerBound, own.lowerBound)...max($0.upperBound, own.upperBound) }
            ?? own
        })
    }.sorted { ($0.deviceTime, $1.comm ?? "") > ($1.deviceTime, $0.comm ?? "") }
  }

  /// A neighbour's request.
  private struct Use {
    /// From its Q, or its D, to its C.
    let from: Stamp
    let to: Stamp
    let sector: Int64
    let sectors: Int64

    init(_ request: BlockRequest) {
      from = request.queued.isSeen ? request.queued : request.issued
      (to, sector, sectors) = (request.completed, request.sector, request.sectors)
    }

    var span: Span? {
      from.nanoseconds.flatMap { from in
        to.nanoseconds.map { Span(from: from, to: max(from, $0)) }
      }
    }
  }

  /// A neighbour's requests.
  private struct Group {
    var comm: String?
    var requests: [Use]
    var deviceTime: Int64 = 0
    var tids: Set<Int64> = []

    /// From the begin of its first request to the last end of one.
    var active: Span? {
      hull(requests.lazy.compactMap(\.span))
    }

    /// The first and the last sector.
    var sectors: ClosedRange<Int64>? {
      let ends = requests.lazy.map { Stamp.sum($0.sector, max(0, $0.sectors - 1)) }
      guard let first = requests.lazy.map(\.sector).min(), let last = ends.max(), first <= last
      else {
        return nil
      }
      return first...last
    }
  }

  private static func hull(_ spans: some Sequence<Span>) -> Span? {
    spans.reduce(nil) { hull, own in
      Span(from: min(hull?.from ?? own.from, own.from), to: max(hull?.to ?? own.to, own.to))
    }
  }

  /// From the last D to C, ns; nothing where one of them was not seen.
  public static func deviceTime(_ request: BlockRequest) -> Int64 {
    guard let from = request.issued.nanoseconds, let to = request.completed.nanoseconds, to > from
    else { return 0 }
    return to - from
  }

  /// Of each request whether it is of a thread that belongs to no guest, by the parts of the device that are guests'.
  public static func isForeign(
    _ requests: BlockRequests, _ regions: [ExtentMap.Extent]
  ) -> [Bool] {
    isForeign(each: requests, regions)
  }

  private static func isForeign(
    each requests: some Sequence<BlockRequest>, _ regions: [ExtentMap.Extent]
  ) -> [Bool] {
    let sorted = regions.sorted { $0.hostSector < $1.hostSector }
    var inside: [Int32: Int] = [:]
    var outside: [Int32: Int] = [:]
    var isOutside: [Bool] = []
    for request in requests {
      let last = sorted.partitioningIndex { $0.hostSector >= request.sector + request.sectors }
      let touches =
        last > 0 && sorted[last - 1].hostSector + sorted[last - 1].sectors > request.sector
      isOutside.append(!touches)
      if touches {
        inside[request.task, default: 0] += 1
      } else {
        outside[request.task, default: 0] += 1
      }
    }
    return zip(requests, isOutside).map { request, isOutside in
      isOutside && outside[request.task, default: 0] > inside[request.task, default: 0]
    }
  }

  private static func groups(
    _ requests: some Sequence<BlockRequest>, _ names: [Int32: (tid: Int64, name: String)]
  ) -> [Group] {
    var byName: [String: Group] = [:]
    for request in requests {
      let task = names[request.task]
      let name = task?.name ?? ""
      byName[name, default: Group(comm: name, requests: [])].requests.append(Use(request))
      byName[name]?.deviceTime += deviceTime(request)
      if let tid = task?.tid { byName[name]?.tids.insert(tid) }
    }
    var sorted = byName.values.sorted {
      ($0.deviceTime, $1.comm ?? "") > ($1.deviceTime, $0.comm ?? "")
    }
    guard sorted.count > most else { return sorted }
    let rest = sorted[most...]
    sorted.removeSubrange(most...)
    sorted.append(
      Group(
        comm: nil, requests: rest.flatMap(\.requests),
        deviceTime: rest.saturatingSum(\.deviceTime)))
    return sorted
  }

  private mutating func add(
    _ disk: Disk, _ host: HostDevice, _ groups: [Group], whole: Int64
  ) {
    let stays = disk.stays
    let all = Self.busy(groups.lazy.flatMap(\.requests).compactMap(\.span))
    let alone = Self.summary(stays.filter { !Self.overlaps($0, all) })
    for group in groups {
      let times = Self.busy(group.requests.lazy.compactMap(\.span))
      neighbours.append(
        Neighbour(
          disk: disk.disk, device: host.stream, comm: group.comm, requests: group.requests.count,
          bytes: 512 * group.requests.reduce(0) { $0 + $1.sectors }, deviceTime: group.deviceTime,
          wholeTime: whole, beside: Self.summary(stays.filter { Self.overlaps($0, times) }),
          alone: alone, tid: group.comm != nil && group.tids.count == 1 ? group.tids.first : nil,
          active: group.active, sectors: group.sectors))
    }
  }

  /// From t4 to t6 of the disk's I/Os.
  private static func hostStays(_ disk: DiskJoin) -> [Span] {
    disk.ios.compactMap { io -> Span? in
      guard io.isLeading, let start = io.reference.nanoseconds,
        let from = io.times.begin(of: .hostScheduler, from: start),
        let to = io.times.end(of: .hardwareQueue, from: start)
      else { return nil }
      return Span(from: from, to: to)
    }
  }

  /// The times in which at least one of these requests was open, in order, none touching the next.
  public static func busy(_ requests: [BlockRequest]) -> [Span] {
    busy(requests.lazy.compactMap { Use($0).span })
  }

  private static func busy(_ stays: some Sequence<Span>) -> [Span] {
    var spans = stays.filter { $0.to > $0.from }
    spans.sort { ($0.from, $0.to) < ($1.from, $1.to) }
    var joined: [Span] = []
    for span in spans {
      if let last = joined.last, span.from <= last.to {
        joined[joined.count - 1] = Span(from: last.from, to: max(last.to, span.to))
      } else {
        joined.append(span)
      }
    }
    return joined
  }

  /// Whether a stay meets one of such times.
  public static func overlaps(_ stay: Span, _ busy: [Span]) -> Bool {
    let next = busy.partitioningIndex { $0.to > stay.from }
    return next < busy.count && busy[next].from < stay.to
  }

  private static func summary(_ stays: [Span]) -> Stays {
    Stays(
      count: stays.count,
      mean: stays.isEmpty
        ? nil : stays.saturatingSum { $0.to - $0.from } / Int64(stays.count))
  }
}
