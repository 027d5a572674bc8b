internal import TraceCorrelation
internal import TraceModel
internal import TraceStore

/// Who had the CPUs that each guest's virtual CPUs waited for, interval by interval, out of the one forward reading of a
/// host's trace.
final class CulpritIntervals {
  /// One guest's waits in an interval.
  struct Row {
    let guest: String
    /// Nil: all that its virtual CPUs waited.
    let kind: CulpritClass?
    /// The thread's name, of a process of the host; the guest's, of another guest; else nil.
    let name: String?
    let at: Int64
    let length: Int64
    let wait: Int64
    /// Virtual CPUs whose waits these are.
    let vcpus: Int
  }

  /// Cells of a trace: several for each interval, as its clock is known only when all was read.
  private static let mostCells = 8 * IntervalGrid.mostIntervals
  private struct Slot {
    let guest: Int
    /// Its place among ``pairs``; nil where there is none left.
    let pair: Int?
  }

  private static let cell: Int64 = 5_000_000
  /// Pairs that have cells of their own; of further ones only the sum is known.
  private static let mostSlots = 2_048
  /// Names of a guest.
  private static let mostNames = 6

  private let threads: [Int64: TracedThreadRow]
  private let owners: [Int64: ThreadOwners.Owner]
  private let guests: [String]
  /// The virtual CPUs, each with its guest's place.
  private var victims: [Int64: Int] = [:]
  private let span: Span
  private let grid: BlockGrid
  private var pairs: [Culprits.Pair] = []
  private var slots = Culprits.PairMemo<Slot>()
  /// By pair, ns.
  private var cells: [[Double]] = []
  /// By guest, ns.
  private var sums: [[Double]]

  /// Nil where no thread is known as a virtual CPU; `span` is the trace's, own ns.
  init?(
    _ threads: [Int64: TracedThreadRow], _ owners: [Int64: ThreadOwners.Owner], span: Span
  ) {
    let vcpus = threads.values.filter { thread in
      thread.tid > 0 && thread.segment == 0 && owners[thread.id]?.role == .vcpu
    }
    let names = Set(vcpus.compactMap { owners[$0.id]?.guest }).sorted()
    for thread in vcpus {
      guard let place = owners[thread.id]?.guest.flatMap(names.firstIndex(of:)) else { continue }
      victims[thread.id] = place
    }
    guard !victims.isEmpty, span.to > span.from else { return nil }
    (self.threads, self.owners, self.guests, self.span) = (threads, owners, names, span)
    grid = BlockGrid(from: span.from, to: span.to, length: Self.cell, most: Self.mostCells)
    sums = names.map { [grid] _ in [Double](repeating: 0, count: grid.count) }
  }

  /// Sees the waits.
  var watch: Culprits.Watch { Culprits.Watch(Set(victims.keys)) { self.add($0) } }

  private func slot(of pair: Culprits.Pair) -> Slot {
    let hasRoom = pairs.count < Self.mostSlots
    let slot = Slot(guest: victims[pair.victim] ?? 0, pair: hasRoom ? pairs.count : nil)
    if hasRoom {
      pairs.append(pair)
      cells.append([Double](repeating: 0, count: grid.count))
    }
    return slot
  }

  private func add(_ part: Culprits.Part) {
    let span = part.span
    guard span.to > span.from else { return }
    let slot = slots.value(of: part, slot(of:))
    for block in grid.block(at: span.from)...grid.block(at: span.to - 1) {
      let range = grid.range(of: block)
      let part = Double(min(span.to, range.upperBound) - max(span.from, range.lowerBound))
      guard part > 0 else { continue }
      if let pair = slot.pair { cells[pair][block] += part }
      sums[slot.guest][block] += part
    }
  }

  private struct Key: Hashable {
    let kind: CulpritClass
    let name: String?
  }

  /// On the reference timeline; `isThrottled` says of a virtual CPU whether a quota holds it.
  func rows(on clock: SchedulerClock, isThrottled: (Int64) -> Bool) -> [Row] {
    let (from, to) = (clock.reference(span.from), clock.reference(span.to))
    guard to > from else { return [] }
    let intervals = IntervalGrid(from...to)
    // Of each cell the interval in which its middle lies: what lies near a border may be in the one beside it.
    let places = (0..<grid.count).map { block -> Int? in
      let range = grid.range(of: block)
      let middle = range.lowerBound + (min(range.upperBound, span.to) - range.lowerBound) / 2
      return intervals.place(of: clock.reference(middle))
    }
    func placed(_ cells: [Double]) -> [Double] {
      var sums = [Double](repeating: 0, count: intervals.count)
      for (block, amount) in cells.enumerated() where amount > 0 {
        if let place = places[block] { sums[place] += amount }
      }
      return sums
    }
    return guests.enumerated().flatMap { place, guest -> [Row] in
      let vcpus = victims.values.count { $0 == place }
      func rows(_ key: Key?, _ sums: [Double]) -> [Row] {
        sums.enumerated().compactMap { place, wait in
          key != nil && wait <= 0
            ? nil
            : Row(
              guest: guest, kind: key?.kind, name: key?.name, at: intervals.begin(of: place),
              length: intervals.covered(of: place), wait: Int64(wait), vcpus: vcpus)
        }
      }
      var byKey: [Key: [Double]] = [:]
      for (slot, pair) in pairs.enumerated() where victims[pair.victim] == place {
        let kind = CulpritClass(
          pair.occupant, victim: owners[pair.victim], culprit: owners[pair.culprit],
          isThrottled: isThrottled(pair.victim))
        let name: String? =
          switch kind {
          case .host: threads[pair.culprit]?.name
          case .guest: owners[pair.culprit]?.guest
          case .sibling, .kernel, .throttled, .unknown: nil
          }
        let key = Key(kind: kind, name: name)
        let own = cells[slot]
        if let known = byKey[key] {
          byKey[key] = zip(known, own).map { $0 + $1 }
        } else {
          byKey[key] = own
        }
      }
      func weight(_ key: Key) -> Double { byKey[key]?.reduce(0, +) ?? 0 }
      let told = byKey.keys.sorted {
        let (left, right) = (weight($0), weight($1))
        return left != right
          ? left > right : ($0.kind.rawValue, $0.name ?? "") < ($1.kind.rawValue, $1.name ?? "")
      }.prefix(Self.mostNames)
      return rows(nil, placed(sums[place]))
        + told.flatMap { rows($0, placed(byKey[$0] ?? [])) }
    }
  }
}
