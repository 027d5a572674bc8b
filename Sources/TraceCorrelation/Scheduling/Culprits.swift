public import TraceModel

/// Who ran on a CPU while others waited for it.
///
/// A wait is laid over the stays on the CPU on whose queue it stood; each stay gets the part of the wait
/// that it covers, and what nobody covers is left as a rest: so the blame for a wait adds up to the wait.
///
/// Slices come once, in the order in which their stays ended, and only the last some thousand stays of each
/// CPU are kept. A wait that reaches further back is put aside with its begin and end, and ``starved``
/// resolves it in a second pass over the slices, which finds few or none of them.
public struct Culprits {
  /// What was on the CPU.
  public enum Occupant: UInt8, Sendable {
    /// A thread.
    case thread = 0
    /// The idle task, no longer than a CPU needs to wake up: the way out of idle.
    case wakingUp = 1
    /// The idle task, for longer than that after the thread was woken: on a host that is itself a guest
    /// still the way out of idle, unless a quota holds its fellows back, too.
    case lingering = 2
    /// The idle task, although the thread could run: held back by a quota.
    case heldBack = 3
    /// Nobody that the trace shows.
    case unseen = 4
  }

  /// A thread that waited, and what was on its CPU meanwhile.
  public struct Pair: Hashable, Comparable, Sendable {
    /// The thread that waited.
    public let victim: Int64
    /// The thread that ran, the idle task included; 0 for nobody.
    public let culprit: Int64
    /// What that was.
    public let occupant: Occupant

    /// By victim, then culprit.
    public static func < (left: Pair, right: Pair) -> Bool {
      (left.victim, left.culprit, left.occupant.rawValue)
        < (right.victim, right.culprit, right.occupant.rawValue)
    }
  }

  /// How long, ns.
  public var blame: [Pair: Int64] {
    var blame = late
    for (pair, wait) in zip(sums.pairs, sums.waits) where wait > 0 {
      blame[pair, default: 0].add(saturating: wait)
    }
    return blame
  }

  private var sums = PairSums()
  /// What the second pass found.
  private var late: [Pair: Int64] = [:]
  private var places: ThreadPlaces
  /// Who wants to see each part of the waits of some threads.
  private let watches: [(Part) -> Void]
  /// By the thread's place, as far as there are any: a bit for each of the watches whose victim it is.
  private var watching: [UInt8] = []
  /// Waits that began before the stays that are kept.
  private var putAside: [Wait] = []

  private let idle: Set<Int64>
  /// They have the first places.
  private let idlePlaces: Int
  private var windows: [StayWindow] = []
  private var segment: Int32 = 0

  /// A woken thread that finds its CPU idle runs as soon as the CPU is awake: after microseconds, on a host
  /// that is itself a guest after milliseconds, there now and then after some more.
  static let longestWakeUp: Int64 = 5_000_000
  /// No CPU needs so long.
  static let longestLingering: Int64 = 20_000_000
  /// A thread that is taken off an idle CPU and is back sooner was only moved.
  static let shortestHold: Int64 = 1_000_000

  /// A wait on one CPU's queue.
  struct Wait {
    let victim: Int64
    let from: Int64
    let to: Int64
    let cpu: Int32
    let segment: Int32
    /// The thread was asleep before, so that its CPU may have been, too.
    let isWoken: Bool
  }

  /// Sees the waits of some threads part by part, as they are resolved: not in the order of time. Parts of which nobody is
  /// seen on the CPU are told, too; a wait that is put aside is one of them.
  public struct Watch {
    let victims: Set<Int64>
    let part: (Part) -> Void

    /// The threads by their numbers, and what receives each part of their waits.
    public init(_ victims: Set<Int64>, part: @escaping (Part) -> Void) {
      (self.victims, self.part) = (victims, part)
    }
  }

  /// A part of a wait.
  public struct Part: Sendable {
    /// Whose wait, and who was on the CPU.
    public let pair: Pair
    /// The pair's, among those that came up, counted from 0: the same for all of its parts.
    public let place: Int
    /// When, on the trace's clock.
    public let span: Span

    /// A part of a wait of the pair that has that place.
    public init(_ pair: Pair, place: Int, _ span: Span) {
      (self.pair, self.place, self.span) = (pair, place, span)
    }
  }

  /// Something of each pair, made when the pair comes up for the first time.
  public struct PairMemo<Value> {
    @usableFromInline var values: [Value?] = []

    /// Nothing yet.
    @inlinable
    public init() {}

    /// That of a part's pair.
    @inlinable
    public mutating func value(of part: Part, _ make: (Pair) -> Value) -> Value {
      if values.indices.contains(part.place), let known = values[part.place] { return known }
      let value = make(part.pair)
      while values.count <= part.place { values.append(nil) }
      values[part.place] = value
      return value
    }
  }

  /// Begins; `threads` are the numbers of most of the trace's threads, `idle` those of the CPUs' idle tasks. There may be
  /// eight watches.
  public init(threads: some Sequence<Int64>, idle: Set<Int64>, watches: [Watch] = []) {
    precondition(watches.count <= UInt8.bitWidth)
    (self.idle, self.watches) = (idle, watches.map(\.part))
    places = ThreadPlaces(threads)
    for thread in idle { _ = places.place(of: thread) }
    idlePlaces = places.threads.count
    for (bit, watch) in watches.enumerated() {
      for victim in watch.victims {
        let place = places.place(of: victim)
        while watching.count <= place { watching.append(0) }
        watching[place] |= 1 << bit
      }
    }
  }

  /// Before this moment no part is to come of the slices that were taken, own ns.
  public var resolvedUntil: Int64 {
    windows.reduce(.max) { until, window in
      window.pending.reduce(until) { min($0, $1.from) }
    }
  }

  /// Takes the next slice; `segment` is the stretch of the trace that it belongs to.
  public mutating func add(_ slice: ThreadSlice, segment: Int32) {
    if segment != self.segment {
      finish()
      windows = []
      self.segment = segment
    }
    if let wait = Wait(slice, segment: segment) { take(wait) }
    guard slice.run != .min, slice.run > 0 else { return }
    let cpu = Int(slice.cpu)
    makeRoom(cpu)
    let place = places.place(of: slice.thread)
    windows[cpu].add(
      StayWindow.Stay(
        from: slice.began, to: slice.began + slice.run, thread: slice.thread,
        place: Int32(place),
        isIdle: place < idlePlaces))
    guard !windows[cpu].pending.isEmpty else { return }
    let until = windows[cpu].lastEnd
    let ready = windows[cpu].pending.filter { $0.to <= until }
    guard !ready.isEmpty else { return }
    windows[cpu].pending.removeAll { $0.to <= until }
    for wait in ready { resolve(wait) }
  }

  /// No more slices of this stretch: what still waits for its occupants gets those that were seen.
  public mutating func finish() {
    for cpu in windows.indices {
      let pending = windows[cpu].pending
      windows[cpu].pending = []
      for wait in pending { resolve(wait) }
    }
  }

  /// The waits that reach too far back for one pass; nil when there are none.
  public var starved: StarvedWaits? {
    putAside.isEmpty ? nil : StarvedWaits(putAside, idle: idle)
  }

  /// Adds what a second pass found.
  public mutating func add(_ starved: StarvedWaits) {
    for (pair, wait) in starved.blame { late[pair, default: 0].add(saturating: wait) }
  }

  /// The occupants of the wait's end may still be on the CPU when the thread went to another one.
  private mutating func take(_ wait: Wait) {
    makeRoom(Int(wait.cpu))
    if windows[Int(wait.cpu)].lastEnd >= wait.to {
      resolve(wait)
    } else {
      windows[Int(wait.cpu)].pending.append(wait)
    }
  }

  private mutating func makeRoom(_ cpu: Int) {
    while windows.count <= cpu { windows.append(StayWindow()) }
  }

  private mutating func resolve(_ wait: Wait) {
    let cpu = Int(wait.cpu)
    let victim = places.place(of: wait.victim)
    let watchers = watching.indices.contains(victim) ? watching[victim] : 0
    guard wait.from >= windows[cpu].forgottenUntil else {
      putAside.append(wait)
      tellNobody(watchers, wait, victim, Span(from: wait.from, to: wait.to))
      return
    }
    var covered: Int64 = 0
    // The wait is reported behind this moment.
    var told = wait.to
    // The youngest first.
    var back = 1
    while let stay = windows[cpu].stay(back), stay.to > wait.from {
      back += 1
      let (from, to) = (max(wait.from, stay.from), min(wait.to, stay.to))
      guard to > from else { continue }
      let occupant = wait.occupant(isIdle: stay.isIdle, to - from)
      let place = sums.place(
        of: Pair(victim: wait.victim, culprit: stay.thread, occupant: occupant), victim: victim,
        culprit: Int(stay.place), occupant)
      sums.add(to - from, at: place)
      covered.add(saturating: to - from)
      guard watchers != 0 else { continue }
      let end = min(told, to)
      tellNobody(watchers, wait, victim, Span(from: end, to: told))
      if from < end { tell(watchers, place, Span(from: from, to: end)) }
      told = min(told, from)
    }
    tellNobody(watchers, wait, victim, Span(from: wait.from, to: told))
    let rest = wait.to - wait.from - covered
    if rest > 0 {
      let place = nobody(wait, victim)
      sums.add(rest, at: place)
    }
  }

  /// The place of a wait during which nobody is seen on the CPU.
  private mutating func nobody(_ wait: Wait, _ victim: Int) -> Int {
    sums.place(
      of: Pair(victim: wait.victim, culprit: 0, occupant: .unseen), victim: victim,
      culprit: places.place(of: 0), .unseen)
  }

  private mutating func tellNobody(
    _ watchers: UInt8, _ wait: Wait, _ victim: Int, _ span: Span
  ) {
    guard watchers != 0, span.from < span.to else { return }
    let place = nobody(wait, victim)
    tell(watchers, place, span)
  }

  private func tell(_ watchers: UInt8, _ place: Int, _ span: Span) {
    let part = Part(sums.pairs[place], place: place, span)
    for bit in watches.indices where watchers & 1 << bit != 0 { watches[bit](part) }
  }
}

extension Culprits.Wait {
  /// The wait before a stay; nil where none was seen.
  init?(_ slice: ThreadSlice, segment: Int32) {
    guard slice.wait != .min, slice.wait > 0 else { return nil }
    self.init(
      victim: slice.thread, from: slice.began - slice.wait, to: slice.began,
      cpu: slice.waitCPU < 0 ? slice.cpu : slice.waitCPU, segment: segment,
      isWoken: slice.cause == .woken || slice.cause == .created)
  }

  /// What a stay of that length means within this wait.
  func occupant(isIdle: Bool, _ part: Int64) -> Culprits.Occupant {
    guard isIdle else { return .thread }
    guard isWoken else { return part > Culprits.shortestHold ? .heldBack : .wakingUp }
    if part <= Culprits.longestWakeUp { return .wakingUp }
    return part <= Culprits.longestLingering ? .lingering : .heldBack
  }
}

/// The last stays on a CPU, which do not overlap, and the waits that end in one that is not over.
struct StayWindow {
  struct Stay {
    let from: Int64
    let to: Int64
    let thread: Int64
    /// The thread's.
    let place: Int32
    /// It is a CPU's idle task.
    let isIdle: Bool
  }

  /// Waits for the occupants of their end.
  var pending: [Culprits.Wait] = []
  /// The end of the youngest stay.
  private(set) var lastEnd = Int64.min
  /// Up to here stays may be missing, since only so many are kept.
  private(set) var forgottenUntil = Int64.min
  private var stays: [Stay] = []
  /// The place of the oldest one, once all places are taken.
  private var oldest = 0

  /// Some 100 KB per CPU; a wait that outlasts 4,096 switches of its CPU is rare.
  private static let size = 4096

  mutating func add(_ stay: Stay) {
    lastEnd = max(lastEnd, stay.to)
    if stays.count < Self.size {
      stays.append(stay)
    } else {
      forgottenUntil = max(forgottenUntil, stays[oldest].to)
      stays[oldest] = stay
      oldest = (oldest + 1) % Self.size
    }
  }

  /// The stay so many before the one to come, 1 for the youngest; nil where there are not so many.
  @inline(__always)
  func stay(_ back: Int) -> Stay? {
    guard back <= stays.count else { return nil }
    let place = oldest - back
    return stays[place < 0 ? place + stays.count : place]
  }
}
