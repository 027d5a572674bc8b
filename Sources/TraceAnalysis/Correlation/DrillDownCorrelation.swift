internal import TraceCorrelation
internal import TraceModel
internal import TraceStore

/// What a report shows of single intervals: how long the hops of their I/Os took, and which I/Os were the slowest. In the
/// intervals of ``IntervalCorrelation``, so that what a report reads does not grow with the number of I/Os.
struct DrillDownCorrelation: CorrelationPass {
  static let fills = ["hop_count", "slow_io"]

  /// The busiest disks, as many as a report draws.
  private static let mostDisks = 8

  private var disks: [(guest: String, device: String, rows: HopIntervals)] = []

  init(_ context: CorrelationContext) throws {
    let streams = Dictionary(uniqueKeysWithValues: context.streams.map { ($0.stream, $0) })
    struct Disk: Hashable {
      let guest: String
      let device: String
    }
    let parts = Dictionary(grouping: context.disks) { join in
      Disk(
        guest: streams[join.disk]?.machine.name ?? "", device: streams[join.disk]?.device ?? "")
    }
    let isOnReference = Dictionary(grouping: parts.keys, by: \.guest).mapValues { own in
      own.contains { parts[$0]?.contains { $0.ios.contains(where: \.reference.isSeen) } ?? false }
    }
    func weight(_ disk: Disk) -> Int { parts[disk]?.reduce(0) { $0 + $1.ios.count } ?? 0 }
    let busiest = parts.keys.sorted {
      (-weight($0), $0.guest, $0.device) < (-weight($1), $1.guest, $1.device)
    }.prefix(Self.mostDisks)
    for disk in busiest {
      let own = parts[disk] ?? []
      let isOnReference = isOnReference[disk.guest] ?? false
      let spans = own.compactMap { context.span(of: $0.disk, onReference: isOnReference) }
      let rows = HopIntervals(own.map(\.ios), covered: spans) {
        (isOnReference ? $0.reference : $0.queued).nanoseconds
      }
      if let rows { disks.append((disk.guest, disk.device, rows)) }
    }
    context.slowRequests = Set(disks.flatMap { $0.rows.slowest.map(\.request) })
  }

  func write(to writer: CorrelationWriter, _: CorrelationContext) throws {
    for (guest, device, rows) in disks {
      for cell in rows.cells {
        try writer.add(
          to: "hop_count",
          [
            "guest": .text(guest), "device": .text(device), "hop": .text(cell.hop.name),
            "at_ns": .integer(cell.at), "low_ns": .integer(cell.low),
            "high_ns": StoredValue(cell.high), "count": .integer(Int64(cell.count)),
            "sum_ns": .integer(cell.sum),
          ])
      }
      for io in rows.slowest {
        try writer.add(
          to: "slow_io",
          [
            "guest": .text(guest), "device": .text(device), "at_ns": StoredValue(io.at),
            "place": .integer(Int64(io.place)), "block_ns": .integer(io.time),
            "request_id": .integer(io.request),
          ])
      }
    }
  }
}

/// The hops of a disk's I/Os, interval by interval, and its slowest I/Os.
struct HopIntervals {
  struct Cell {
    let hop: Hop
    let at: Int64
    let low: Int64
    let high: Int64?
    var count: Int
    var sum: Int64
  }

  struct Slow {
    /// Nil: of all.
    let at: Int64?
    let place: Int
    let time: Int64
    let request: Int64
  }

  private(set) var cells: [Cell] = []
  private(set) var slowest: [Slow] = []

  /// What has a heat map.
  static let hops = [Hop.block] + Hop.blockParts
  /// Borders of the cells: 1, 2 and 5 times each power of ten from 1 us to 100 s, ns; what is shorter begins at 0.
  static let borders: [Int64] =
    [0]
    + (0..<8).flatMap { power -> [Int64] in
      let unit = (0..<power).reduce(Int64(1_000)) { result, _ in 10 * result }
      return [unit, 2 * unit, 5 * unit]
    } + [100_000_000_000]
  /// The slowest of an interval, and of all.
  private static let (mostOfInterval, mostOfAll) = (3, 20)

  /// Of the stretches of a disk, each with its I/Os; nil where none is known from Q to C.
  init?(
    _ stretches: [GuestIOs], covered: [ClosedRange<Int64>], moment: (GuestIO) -> Int64?
  ) {
    func forEach(_ body: (Int64, Int64, GuestIO) -> Void) {
      for ios in stretches {
        for io in ios where io.isLeading && io.operation != .flush {
          guard let at = moment(io), let time = io.times[.block].nanoseconds else { continue }
          body(at, time, io)
        }
      }
    }
    var ends: ClosedRange<Int64>?
    forEach { at, _, _ in ends = min(ends?.lowerBound ?? at, at)...max(ends?.upperBound ?? at, at) }
    guard var span = ends else { return nil }
    for own in covered {
      span = min(span.lowerBound, own.lowerBound)...max(span.upperBound, own.upperBound)
    }
    let grid = IntervalGrid(span)
    let row = Self.borders.count
    let empty = [(count: Int, sum: Int64)](repeating: (0, 0), count: grid.count * row)
    var sums = [[(count: Int, sum: Int64)]](repeating: empty, count: Self.hops.count)
    var all = Slowest(most: Self.mostOfAll)
    var each = [Slowest](repeating: Slowest(most: Self.mostOfInterval), count: grid.count)
    forEach { at, time, io in
      guard let place = grid.place(of: at) else { return }
      all.add(time, io.request)
      each[place].add(time, io.request)
      for (number, hop) in Self.hops.enumerated() {
        guard let own = io.times[hop].nanoseconds else { continue }
        let cell = place * row + Self.borders.partitioningIndex { $0 > own } - 1
        // A time below zero, within the clock's bound, stands in the first cell; the sum keeps it.
        let known = max(place * row, cell)
        sums[number][known].count += 1
        sums[number][known].sum.add(saturating: own)
      }
    }
    for (number, hop) in Self.hops.enumerated() {
      for (cell, sum) in sums[number].enumerated() where sum.count > 0 {
        let low = cell % row
        cells.append(
          Cell(
            hop: hop, at: grid.begin(of: cell / row), low: Self.borders[low],
            high: low + 1 < row ? Self.borders[low + 1] : nil, count: sum.count, sum: sum.sum))
      }
    }
    slowest = all.rows(at: nil)
    for (place, own) in each.enumerated() { slowest += own.rows(at: grid.begin(of: place)) }
  }

  /// The slowest of some I/Os; of those that took as long, the first requests.
  private struct Slowest {
    let most: Int
    var ios: [(time: Int64, request: Int64)] = []

    mutating func add(_ time: Int64, _ request: Int64) {
      if ios.count == most, let last = ios.last, (-time, request) >= (-last.time, last.request) {
        return
      }
      let place = ios.firstIndex { (-time, request) < (-$0.time, $0.request) } ?? ios.count
      ios.insert((time, request), at: place)
      if ios.count > most { ios.removeLast() }
    }

    func rows(at moment: Int64?) -> [Slow] {
      ios.enumerated().map {
        Slow(at: moment, place: $0 + 1, time: $1.time, request: $1.request)
      }
    }
  }
}
