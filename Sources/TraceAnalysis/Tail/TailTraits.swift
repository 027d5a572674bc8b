internal import TraceCorrelation
internal import TraceModel

/// What an I/O of a guest is like: who sent it, what it asks for, and what was under way when it was queued.
struct TailTrait: Hashable {
  /// In which respect.
  enum Kind: String, CaseIterable {
    /// The process that queued it, by name.
    case process
    /// `read`, `write`, `discard`.
    case operation
    /// A letter of its RWBS: `sync`, `metadata`.
    case flag
    /// How many sectors.
    case size
    /// The part of the disk, of 4 to 64 equal parts of all that was asked for.
    case region
    /// Whether it begins where the one before it ended.
    case order
    /// The vCPU that issued it.
    case issuedOn = "issuing_vcpu"
    /// The vCPU that took the interrupt.
    case completedOn = "completing_vcpu"
    /// The host's thread that queued it.
    case hostThread = "host_thread"
    /// A flush, a journal commit or a neighbour's request under way when it was queued.
    case underWay = "in_flight"
  }

  let kind: Kind
  /// Which of that kind: a number of a name, sectors, a CPU, ...
  let value: Int64

  /// Of ``Kind/underWay``.
  static let (flush, journal, neighbour): (Int64, Int64, Int64) = (0, 1, 2)
  /// Of ``Kind/flag``.
  static let flags: [(flag: RWBS, word: String)] = [
    (.sync, "sync"), (.meta, "metadata"), (.fua, "FUA"), (.ahead, "read-ahead"),
  ]
}

/// The I/Os of a guest's disk with their traits, in the order in which they were queued.
struct TailTraits {
  /// An I/O, as far as it is looked at.
  struct IO {
    /// Q in the guest, ns, on one clock for all I/Os of the disk.
    let queued: Int64
    /// From Q to C, ns.
    let time: Int64
    let sector: Int64
    let sectors: Int64
    let rwbs: RWBS
    let operation: BlockOperation
    let issuedOn: Int32
    let completedOn: Int32
    /// The number of the name of the process, and of that of the host's thread; -1 where it is not known.
    let process: Int32
    let hostThread: Int32
  }

  /// So many are looked at, and of more only runs of so many.
  static let (mostIOs, run) = (100_000, 64)
  /// Values of one kind; further ones are as rare as those.
  private static let mostValues = 64
  /// The parts into which the disk is cut.
  private static let parts: [Int64] = [4, 8, 16, 32, 64]
  /// The slow ones: this part of all, but as many as show something, and no more than a tenth.
  private static let (slowPart, fewestSlow, mostSlow) = (0.01, 100, 0.1)

  let ios: [IO]
  /// From how long on, ns, an I/O is slow.
  let slowFrom: Int64
  let isSlow: [Bool]
  let traits: [TailTrait]
  let lists: TraitLists

  /// `others` are the times at which something was under way, by the values of ``TailTrait/Kind/underWay``; nil where the
  /// I/Os are too few.
  /// `selection` says which count as slow, instead of the slowest.
  init?(_ all: [IO], underWay others: [Int64: [Span]], _ selection: SlowSelection? = nil) {
    let order = NumberSort.order(of: all.count) { all[$0].queued }
    let ios = order.map { all[Int($0)] }
    let follows = Self.follows(ios)
    if let selection {
      (slowFrom, isSlow) = (
        selection.times.lowerBound, ios.map { selection.holds(at: $0.queued, time: $0.time) }
      )
    } else {
      guard let slow = Self.slow(ios) else { return nil }
      (slowFrom, isSlow) = (slow.from, ios.map { $0.time >= slow.from })
    }
    self.ios = ios
    let active = others.sorted { $0.key < $1.key }.map { ($0.key, UnderWay($0.value)) }
    let disk = Self.disk(ios)
    self.disk = disk
    func forEach(_ place: Int, _ body: (TailTrait) -> Void) {
      Self.forEachTrait(of: ios[place], follows[place], disk, active, body)
    }
    traits = Self.common(ios.count, forEach)
    var numbers: [TailTrait: UInt16] = [:]
    for (number, trait) in traits.enumerated() { numbers[trait] = UInt16(number) }
    var lists = TraitLists()
    for place in ios.indices {
      forEach(place) { trait in
        if let number = numbers[trait] { lists.add(number) }
      }
      lists.endIO()
    }
    self.lists = lists
  }

  /// The traits that the slow I/Os share, the most telling first.
  func shared() -> [TraitSearch.Found] {
    TraitSearch(lists, traits: traits.count, isSlow: isSlow).find()
  }

  /// From the first sector that was asked for to the last.
  private let disk: ClosedRange<Int64>

  private static func disk(_ ios: [IO]) -> ClosedRange<Int64> {
    let sectors = ios.lazy.filter { $0.sector >= 0 }.map(\.sector)
    let first = sectors.min() ?? 0
    return first...max(first, sectors.max() ?? first)
  }

  /// The region of a trait: its first and last sector.
  func region(_ trait: TailTrait) -> ClosedRange<Int64> {
    let (parts, part) = (trait.value >> 8, trait.value & 255)
    func border(_ place: Int64) -> Int64 {
      let share = Double(place) / Double(parts)
      return disk.lowerBound + Int64((Double(disk.count) * share).rounded(.up))
    }
    return border(part)...max(border(part), border(part + 1) - 1)
  }

  private static func slow(_ ios: [IO]) -> (from: Int64, count: Int)? {
    let most = Int(mostSlow * Double(ios.count))
    let count = min(max(Int(slowPart * Double(ios.count)), fewestSlow), most)
    guard count >= TraitSearch.fewest else { return nil }
    var times = ios.map(\.time)
    NumberSort.sort(&times)
    let from = times[times.count - count]
    return (from, count)
  }

  /// Whether each begins where the one before it, of the same operation, ended.
  private static func follows(_ sorted: [IO]) -> [Bool] {
    var ends = [Int64](repeating: -1, count: BlockOperation.allCases.count)
    return sorted.map { io in
      let place = io.operation.rawValue
      defer { ends[place] = io.sector + io.sectors }
      return ends[place] == io.sector
    }
  }

  /// The traits that many I/Os have and many have not; of each kind the most common ones.
  private static func common(
    _ count: Int, _ forEach: (Int, (TailTrait) -> Void) -> Void
  ) -> [TailTrait] {
    var counts: [TailTrait: Int] = [:]
    for place in 0..<count { forEach(place) { counts[$0, default: 0] += 1 } }
    let least = max(10, count / 2000)
    let known = counts.filter { $0.value >= least && $0.value < count }
    return TailTrait.Kind.allCases.flatMap { kind in
      known.filter { $0.key.kind == kind }
        .sorted { ($1.value, $0.key.value) < ($0.value, $1.key.value) }
        .prefix(kind == .region ? 128 : mostValues).map(\.key)
    }
  }

  private static func forEachTrait(
    of io: IO, _ isNext: Bool, _ disk: ClosedRange<Int64>,
    _ active: [(value: Int64, when: UnderWay)], _ body: (TailTrait) -> Void
  ) {
    if io.process >= 0 { body(TailTrait(kind: .process, value: Int64(io.process))) }
    body(TailTrait(kind: .operation, value: Int64(io.operation.rawValue)))
    for (place, flag) in TailTrait.flags.enumerated() where io.rwbs.contains(flag.flag) {
      body(TailTrait(kind: .flag, value: Int64(place)))
    }
    body(TailTrait(kind: .size, value: io.sectors))
    if io.sector >= 0 {
      for parts in Self.parts {
        let share = Double(io.sector - disk.lowerBound) / Double(disk.count)
        let part = min(parts - 1, max(0, Int64(share * Double(parts))))
        body(TailTrait(kind: .region, value: parts << 8 | part))
      }
      body(TailTrait(kind: .order, value: isNext ? 1 : 0))
    }
    if io.issuedOn >= 0 { body(TailTrait(kind: .issuedOn, value: Int64(io.issuedOn))) }
    if io.completedOn >= 0 { body(TailTrait(kind: .completedOn, value: Int64(io.completedOn))) }
    if io.hostThread >= 0 { body(TailTrait(kind: .hostThread, value: Int64(io.hostThread))) }
    // As it was when it was queued: while a slow one is under way, more happens for that alone.
    for (value, when) in active where when.holds(io.queued) {
      body(TailTrait(kind: .underWay, value: value))
    }
  }
}

/// When something was under way.
struct UnderWay {
  private var begins: [Int64]
  private var ends: [Int64]

  init(_ times: [Span]) {
    begins = times.map(\.from)
    ends = times.map(\.to)
    NumberSort.sort(&begins)
    NumberSort.sort(&ends)
  }

  /// Whether something was, that had begun before a moment and ended behind it. What begins at the moment is the I/O that is
  /// asked for.
  func holds(_ moment: Int64) -> Bool {
    begins.partitioningIndex { $0 >= moment } > ends.partitioningIndex { $0 > moment }
  }
}
