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

    /// What was on the CPU, as a number: of the thread and of what it was.
    public var occupancy: Int64 { culprit &* 8 &+ Int64(occupant.rawValue) }

    /// One of the parts of each wait is looked up.
    public func hash(into hasher: inout Hasher) {
      hasher.combine(victim)
      hasher.combine(occupancy)
    }

    /// By victim, then culprit.
    public static func < (left: Pair, right: Pair) -> Bool {
      (left.victim, left.culprit, left.occupant.rawValue)
        < (right.victim, right.culprit, right.occupant.rawValue)
    }
  }

  /// How long, ns.
  public private(set) var blame: [Pair: Int64] = [:]
  /// Who wants to see each part of the waits of some threads.
  private let watch: Watch?
  /// Waits that began before the stays that are kept.
  private var putAside: [Wait] = []

  private let idle: Set<Int64>
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
    let part: (Pair, Span) -> Void

    /// The threads by their numbers, and what is told of each part: whose it is, and when, on the trace's clock.
    public init(_ victims: Set<Int64>, part: @escaping (Pair, Span) -> Void) {
      (self.victims, self.part) = (victims, part)
    }

    /// Both: each is told of its own threads.
    public func and(_ other: Watch) -> Watch {
      Watch(victims.union(other.victims)) { [self] pair, span in
        if victims.contains(pair.victim) { part(pair, span) }
        if other.victims.contains(pair.victim) { other.part(pair, span) }
      }
    }
  }

  /// Begins; `idle` are the numbers of the CPUs' idle tasks.
  public init(idle: Set<Int64>, watch: Watch? = nil) {
    (self.idle, self.watch) = (idle, watch)
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
    windows[cpu].add(
      StayWindow.Stay(from: slice.began, to: slice.began + slice.run, thread: slice.thread))
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
    for (pair, wait) in starved.blame { blame[pair, default: 0].add(saturating: wait) }
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
    let window = windows[Int(wait.cpu)]
    let watch = watch.flatMap { $0.victims.contains(wait.victim) ? $0 : nil }
    guard wait.from >= window.forgottenUntil else {
      putAside.append(wait)
      watch?.part(wait.nobody, Span(from: wait.from, to: wait.to))
      return
    }
    var covered: Int64 = 0
    // The wait is reported behind this moment.
    var told = wait.to
    window.forEach(since: wait.from) { stay in
      let part = min(wait.to, stay.to) - max(wait.from, stay.from)
      guard part > 0 else { return }
      let occupant = wait.occupant(isIdle: idle.contains(stay.thread), part)
      let pair = Pair(victim: wait.victim, culprit: stay.thread, occupant: occupant)
      blame[pair, default: 0].add(saturating: part)
      covered.add(saturating: part)
      guard let watch else { return }
      let (from, to) = (max(wait.from, stay.from), min(told, stay.to))
      if to < told { watch.part(wait.nobody, Span(from: to, to: told)) }
      if from < to { watch.part(pair, Span(from: from, to: to)) }
      told = min(told, from)
    }
    if let watch, wait.from < told {
      watch.part(wait.nobody, Span(from: wait.from, to: told))
    }
    let rest = wait.to - wait.from - covered
    if rest > 0 {
      blame[wait.nobody, default: 0].add(saturating: rest)
    }
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

  /// It, where nobody is seen on the CPU.
  var nobody: Culprits.Pair { Culprits.Pair(victim: victim, culprit: 0, occupant: .unseen) }

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

  /// The stays that end after a time, the youngest first.
  func forEach(since time: Int64, _ body: (Stay) -> Void) {
    var place = oldest
    for _ in stays.indices {
      place = place == 0 ? stays.count - 1 : place - 1
      guard stays[place].to > time else { return }
      body(stays[place])
    }
  }
}
