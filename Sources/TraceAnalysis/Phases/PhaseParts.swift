internal import TraceCorrelation
internal import TraceModel

/// A named part of a hop.
struct HopPart: Hashable {
  /// What the time was spent on.
  enum Kind: String {
    /// A thread that had to act waited for a CPU.
    case cpuWait = "cpu_wait"
    /// A thread that had to act ran.
    case busy
    /// It ran, and was done with another I/O after that.
    case busyWithOthers = "busy_others"
    /// It waited for an event.
    case asleep
    /// It waited for I/O or a lock.
    case blocked
    /// No thread could do what the clocks say; within their bound.
    case clock
    /// The device was busy with other requests.
    case behind
    /// The queue below was full.
    case ringFull = "ring_full"
    /// The cache flush before it.
    case flush
    /// The rest of the time at the device.
    case device
    /// The rest.
    case unattributed
  }

  let kind: Kind
  /// A word of ours for who it was: `(kernel)`.
  var word: String?
  /// A thread's or a guest's name.
  var name: String?

  init(_ kind: Kind, word: String? = nil, name: String? = nil) {
    (self.kind, self.word, self.name) = (kind, word, name)
  }

  /// `cpu_wait`, or `cpu_wait:(kernel)`.
  var label: String { kind.rawValue + (word.map { ":\($0)" } ?? "") }

  /// What the rest of a hop is called.
  static func rest(of hop: Hop) -> HopPart {
    HopPart(hop == .hardwareQueue ? .device : .unattributed)
  }

  /// Whoever has no name of its own among the parts.
  static let others = "(others)"
  static let recorder = "(recorder)"
  static let kernel = "(kernel)"
  static let throttled = "(throttled)"
  static let nobody = "(nobody)"
  /// The guest's own requests.
  static let own = "own"
}

/// What the parts of the hops add up to over the I/Os of each phase, batch of time by batch. Memory follows the number of
/// parts, phases and batches.
struct PartSums {
  /// A part, and the hop that it is one of.
  struct Column: Hashable {
    let hop: Hop
    let part: HopPart
  }

  /// Of the I/Os of one disk, operation and place.
  private struct Class {
    /// By hop.
    var covers: [Cover]
    var rows: [Int32]
    /// A row for each batch: the number of I/Os, by hop that of those of which its parts are known, then what each column
    /// adds up to.
    var sums: [Double] = []

    init(hops: Int, batches: Int) {
      covers = [Cover](repeating: Cover(), count: hops)
      rows = [Int32](repeating: -1, count: batches)
    }

    mutating func row(_ batch: Int, _ width: Int) -> Int {
      if rows[batch] >= 0 { return Int(rows[batch]) * width }
      rows[batch] = Int32(sums.count / width)
      sums += repeatElement(0, count: width)
      return sums.count - width
    }
  }

  /// Of how much of a hop its parts are known.
  struct Cover {
    /// I/Os that have the hop, and what they spent in it, ns.
    var present = (count: 0.0, time: 0.0)
    /// Those of which its parts are known.
    var known = (count: 0.0, time: 0.0)

    /// By how much more time all spent in it than those of which the parts are known.
    var scale: Double { known.time > 0 ? present.time / known.time : 1 }

    mutating func add(_ other: Cover) {
      present = (present.count + other.present.count, present.time + other.present.time)
      known = (known.count + other.known.count, known.time + other.known.time)
    }
  }

  /// What is known of one of several classes together.
  struct Level {
    let count: Double
    let cover: Cover
    /// What each batch holds: how many I/Os of which the parts of the hop are known, and what they add up to by column.
    let batches: [(count: Double, sums: [Double])]
  }

  static let operations = 3

  let columns: [Column]
  let hops: [Hop]
  let membership: PhaseMembership
  /// Of a row, and where its columns begin.
  private let width: Int
  private let first: Int
  let devices: Int
  private var classes: [Class]

  init(_ columns: [Column], devices: Int, _ membership: PhaseMembership) {
    (self.columns, self.membership, self.devices) = (columns, membership, devices)
    hops = Hop.parts.filter { hop in columns.contains { $0.hop == hop } }
    first = 1 + hops.count
    width = first + columns.count
    classes = [Class](
      repeating: Class(hops: hops.count, batches: membership.grid.count),
      count: devices * Self.operations * membership.places)
  }

  private static func place(of operation: BlockOperation) -> Int {
    switch operation {
    case .read: 0
    case .write: 1
    default: 2
    }
  }

  private func number(_ device: Int, _ operation: Int, _ place: Int) -> Int {
    (device * Self.operations + operation) * membership.places + place
  }

  /// Takes an I/O, once; `isKnown` says of each hop that it has whether its parts are.
  mutating func count(
    _ io: GuestIO, device: Int, at moment: Int64, isKnown: (Hop) -> Bool
  ) {
    let batch = membership.grid.block(at: moment)
    let operation = Self.place(of: io.operation)
    membership.forEachPlace(of: io, at: moment) { place in
      let own = number(device, operation, place)
      let row = classes[own].row(batch, width)
      classes[own].sums[row] += 1
      for (number, hop) in hops.enumerated() {
        guard let time = io.times[hop].nanoseconds else { continue }
        classes[own].covers[number].present.count += 1
        classes[own].covers[number].present.time += Double(time)
        guard isKnown(hop) else { continue }
        classes[own].covers[number].known.count += 1
        classes[own].covers[number].known.time += Double(time)
        classes[own].sums[row + 1 + number] += 1
      }
    }
  }

  /// Adds time of an I/O to a column.
  mutating func add(
    _ time: Int64, column: Int, _ io: GuestIO, device: Int, at moment: Int64
  ) {
    guard time > 0 else { return }
    let batch = membership.grid.block(at: moment)
    let operation = Self.place(of: io.operation)
    membership.forEachPlace(of: io, at: moment) { place in
      let own = number(device, operation, place)
      classes[own].sums[classes[own].row(batch, width) + first + column] += Double(time)
    }
  }

  /// Of a disk or all of them, an operation or all of them, and a place.
  func level(device: Int?, operation: BlockOperation?, place: Int, hop: Hop) -> Level {
    var count = 0.0
    var cover = Cover()
    var batches: [Int: (count: Double, sums: [Double])] = [:]
    let hop = hops.firstIndex(of: hop) ?? 0
    for own in device.map({ $0..<$0 + 1 }) ?? 0..<devices {
      for kind in operation.map({ Self.place(of: $0)..<Self.place(of: $0) + 1 })
        ?? 0..<Self.operations
      {
        let found = classes[number(own, kind, place)]
        cover.add(found.covers[hop])
        for (batch, row) in found.rows.enumerated() where row >= 0 {
          let begin = Int(row) * width
          var sum = batches[batch] ?? (0, [Double](repeating: 0, count: columns.count))
          count += found.sums[begin]
          sum.count += found.sums[begin + 1 + hop]
          for column in columns.indices { sum.sums[column] += found.sums[begin + first + column] }
          batches[batch] = sum
        }
      }
    }
    return Level(
      count: count, cover: cover, batches: batches.sorted { $0.key < $1.key }.map(\.value))
  }
}

/// By how much the parts of each hop changed from the baseline to a phase; those of a hop add up to it in both, to the
/// nanosecond. Where a trace does not cover all I/Os, the time in a hop is shared out as that of those that it covers.
struct PhaseParts {
  struct Row {
    /// The hop's.
    let hop: PhaseExcess.Row
    let part: HopPart
    let baselineMean: Int64
    let mean: Int64
    let interval: (low: Double, high: Double)?
    let share: Double?

    var delta: Int64 { mean - baselineMean }
  }

  private(set) var rows: [Row] = []

  /// Of the I/Os with a hop the minimum share whose parts are known, in the baseline and in the phase; below it there are no parts.
  private static let leastKnown = 0.3

  init() {}

  init(_ sums: PartSums, _ excess: PhaseExcess) {
    for row in excess.rows where sums.hops.contains(row.hop) {
      // One disk is all of them.
      guard row.device == nil || sums.devices > 1 else { continue }
      let total = excess.rows.first {
        $0.hop == .total && $0.phase == row.phase && $0.operation == row.operation
          && $0.device == row.device
      }
      add(row, total: total?.delta ?? 0, sums)
    }
  }

  private mutating func add(_ row: PhaseExcess.Row, total: Int64, _ sums: PartSums) {
    let before = sums.level(
      device: row.device, operation: row.operation, place: sums.membership.baseline, hop: row.hop)
    let after = sums.level(
      device: row.device, operation: row.operation, place: row.phase, hop: row.hop)
    let present = [before, after].filter { $0.cover.present.count > 0 }
    guard !present.isEmpty,
      present.allSatisfy({ $0.cover.known.count >= Self.leastKnown * $0.cover.present.count })
    else { return }
    func share(_ delta: Int64) -> Double? {
      total == 0 ? nil : Double(delta) / Double(total)
    }
    /// Rounded down, so that the remainder is never negative.
    func mean(_ level: PartSums.Level, _ column: Int) -> Int64 {
      guard level.count > 0 else { return 0 }
      let sum = level.batches.reduce(0) { $0 + $1.sums[column] }
      return Int64((level.cover.scale * sum / level.count).rounded(.down))
    }
    func interval(_ delta: Int64, _ column: Int) -> (low: Double, high: Double)? {
      func spread(_ level: PartSums.Level) -> (level: PhaseLevel, factor: Double)? {
        PhaseLevel(level.batches.map { ($0.sums[column], $0.count) }).map {
          ($0, level.cover.scale * level.cover.known.count / max(1, level.count))
        }
      }
      guard let first = spread(before), let second = spread(after) else { return nil }
      let width = second.level.scaled(by: second.factor).halfWidth(
        to: first.level.scaled(by: first.factor), confidence: PhaseExcess.confidence)
      return width.isFinite ? (Double(delta) - width, Double(delta) + width) : nil
    }
    var rest = (row.baselineMean, row.mean)
    for (column, own) in sums.columns.enumerated() where own.hop == row.hop {
      let means = (mean(before, column), mean(after, column))
      guard means != (0, 0) else { continue }
      rest = (rest.0 - means.0, rest.1 - means.1)
      let delta = means.1 - means.0
      rows.append(
        Row(
          hop: row, part: own.part, baselineMean: means.0, mean: means.1,
          interval: interval(delta, column), share: share(delta)))
    }
    rows.append(
      Row(
        hop: row, part: .rest(of: row.hop), baselineMean: rest.0, mean: rest.1, interval: nil,
        share: share(rest.1 - rest.0)))
  }

  /// The changes of one part of some hops in a phase, over all disks and operations, by name or word.
  func deltas(_ kind: HopPart.Kind, of hops: [Hop], phase: Int) -> [HopPart: Int64] {
    var found: [HopPart: Int64] = [:]
    for row in rows
    where row.part.kind == kind && row.hop.phase == phase && row.hop.operation == nil
      && row.hop.device == nil && hops.contains(row.hop.hop)
    { found[row.part, default: 0] += row.delta }
    return found
  }
}
