public import TraceModel

/// The I/Os of a disk, packed: millions are held at once, in 80 bytes each.
public struct GuestIOs: RandomAccessCollection, MutableCollection, ExpressibleByArrayLiteral,
  Sendable
{
  /// What nearly all have. In 32 bits are ns, or distances between numbers; `Int32.min` is nothing.
  @usableFromInline
  struct Packed: Sendable {
    @usableFromInline var sector: Int64 = 0
    /// Its Q, or where that was not seen its C.
    @usableFromInline var at: Int64 = .min
    @usableFromInline var reference: Int64 = .min
    /// After ``GuestIOs/first``.
    @usableFromInline var request: Int32 = 0
    /// After `at`.
    @usableFromInline var completed = Int32.min
    /// The page cache, the guest's scheduler, the way in, the two on the host or through QEMU, the way back, and from Q to C
    /// or, of a disk without a Q, from D to C.
    @usableFromInline var times = InlineArray<7, Int32>(repeating: .min)
    @usableFromInline var clockError = Int32.min
    /// After ``GuestIOs/firstOnHost``.
    @usableFromInline var hostRequest = Int32.min
    @usableFromInline var sectors: Int32 = 0
    @usableFromInline var rwbs: RWBS = []
    @usableFromInline var hostRequests: UInt16 = 0
    @usableFromInline var operation = BlockOperation.other
    @usableFromInline var grade = MatchGrade.unmatched
    @usableFromInline var reason: UnmatchedReason?
    @usableFromInline var form: Form = []

    @usableFromInline init() {}
  }

  @usableFromInline
  struct Form: OptionSet, Sendable {
    @usableFromInline let rawValue: UInt8
    @usableFromInline init(rawValue: UInt8) { self.rawValue = rawValue }

    @usableFromInline static var isLeading: Form { Form(rawValue: 1) }
    /// Its way went through QEMU, not through the host's block layer.
    @usableFromInline static var isThroughQEMU: Form { Form(rawValue: 2) }
    /// The last of its times is from D to C.
    @usableFromInline static var isOfDriver: Form { Form(rawValue: 4) }
    @usableFromInline static var isQueued: Form { Form(rawValue: 8) }
    /// ``GuestIOs/rare`` has more of it.
    @usableFromInline static var hasMore: Form { Form(rawValue: 16) }
    /// It does not fit: ``GuestIOs/whole`` has it.
    @usableFromInline static var isWhole: Form { Form(rawValue: 32) }
  }

  /// What few have.
  @usableFromInline
  struct Rare: Sendable {
    @usableFromInline var flush: Stamp
    @usableFromInline var requeue: Stamp
    @usableFromInline var deferredRequest: Int64?
    @usableFromInline var deferred: Stamp

    @usableFromInline
    init(_ io: GuestIO) {
      (flush, requeue) = (io.flush, io.requeue)
      (deferredRequest, deferred) = (io.deferredRequest, io.deferred)
    }

    @usableFromInline var isEmpty: Bool {
      !flush.isSeen && !requeue.isSeen && deferredRequest == nil && !deferred.isSeen
    }
  }

  /// How long its threads waited for a CPU, ns.
  @usableFromInline
  struct Waits: Sendable {
    @usableFromInline var submit = Int32.min
    @usableFromInline var back = Int32.min

    @usableFromInline init() {}
  }

  @usableFromInline var packed: [Packed] = []
  /// By place; none where no scheduler trace covers any.
  @usableFromInline var waits: [Waits] = []
  @usableFromInline var rare: [Int: Rare] = [:]
  @usableFromInline var whole: [Int: GuestIO] = [:]
  @usableFromInline var first: Int64 = 0
  @usableFromInline var firstOnHost: Int64?

  /// None.
  public init() {}

  /// Those of a sequence.
  public init(_ ios: some Sequence<GuestIO>) {
    reserveCapacity(ios.underestimatedCount)
    for io in ios { append(io) }
  }

  /// Those of a list.
  public init(arrayLiteral ios: GuestIO...) { self.init(ios) }

  /// Makes room.
  public mutating func reserveCapacity(_ count: Int) { packed.reserveCapacity(count) }

  /// Adds one.
  public mutating func append(_ io: GuestIO) {
    if packed.isEmpty { first = io.request }
    packed.append(Packed())
    if !waits.isEmpty { waits.append(Waits()) }
    set(io, at: packed.count - 1)
  }

  /// 0.
  @inlinable public var startIndex: Int { 0 }
  /// How many there are.
  @inlinable public var endIndex: Int { packed.count }

  /// The I/O at a place.
  public subscript(place: Int) -> GuestIO {
    @inlinable
    @inline(__always)
    get { io(at: place) }
    set { set(newValue, at: place) }
  }

  // MARK: - Unpacking

  /// Inlined, so that who asks for two fields unpacks no others.
  @inlinable
  @inline(__always)
  func io(at place: Int) -> GuestIO {
    let own = packed[place]
    if own.form.contains(.isWhole), let io = whole[place] { return io }
    var io = GuestIO()
    io.request = first &+ Int64(own.request)
    io.sector = own.sector
    io.sectors = Int64(own.sectors)
    io.rwbs = own.rwbs
    io.operation = own.operation
    io.isLeading = own.form.contains(.isLeading)
    (io.grade, io.reason) = (own.grade, own.reason)
    if own.form.contains(.isQueued) { io.queued = Stamp(own.at) }
    if own.completed != .min { io.completed = Stamp(own.at &+ Int64(own.completed)) }
    io.reference = Stamp(own.reference)
    io.times = HopTimes(
      short: own.times, isThroughQEMU: own.form.contains(.isThroughQEMU),
      isOfDriver: own.form.contains(.isOfDriver))
    io.clockError = Self.stamp(own.clockError)
    io.hostRequests = Int(own.hostRequests)
    if own.hostRequest != .min, let firstOnHost {
      io.hostRequest = firstOnHost &+ Int64(own.hostRequest)
    }
    if !waits.isEmpty {
      io.submitCPUWait = Self.stamp(waits[place].submit)
      io.returnCPUWait = Self.stamp(waits[place].back)
    }
    if own.form.contains(.hasMore), let rare = rare[place] {
      (io.flush, io.requeue) = (rare.flush, rare.requeue)
      (io.deferredRequest, io.deferred) = (rare.deferredRequest, rare.deferred)
    }
    return io
  }

  @inlinable
  @inline(__always)
  static func stamp(_ time: Int32) -> Stamp { Stamp(time == .min ? .min : Int64(time)) }

  // MARK: - Packing

  private mutating func set(_ io: GuestIO, at place: Int) {
    if packed[place].form.contains(.hasMore) { rare[place] = nil }
    if packed[place].form.contains(.isWhole) { whole[place] = nil }
    guard var own = pack(io), setWaits(io, at: place) else {
      whole[place] = io
      packed[place] = Packed()
      packed[place].form = .isWhole
      return
    }
    let more = Rare(io)
    if !more.isEmpty {
      own.form.insert(.hasMore)
      rare[place] = more
    }
    packed[place] = own
  }

  private mutating func setWaits(_ io: GuestIO, at place: Int) -> Bool {
    if waits.isEmpty {
      guard io.submitCPUWait.isSeen || io.returnCPUWait.isSeen else { return true }
      waits = [Waits](repeating: Waits(), count: packed.count)
    }
    guard let submit = Self.packed(io.submitCPUWait), let back = Self.packed(io.returnCPUWait)
    else { return false }
    (waits[place].submit, waits[place].back) = (submit, back)
    return true
  }

  /// ns; nil where they are too many.
  private static func packed(_ stamp: Stamp) -> Int32? {
    guard stamp.isSeen else { return .min }
    let time = Int32(exactly: stamp.rawValue)
    return time == .min ? nil : time
  }

  /// Nil where it does not fit.
  private mutating func pack(_ io: GuestIO) -> Packed? {
    var own = Packed()
    let at = io.queued.isSeen ? io.queued.rawValue : io.completed.rawValue
    guard let request = Int32(exactly: io.request &- first),
      let sectors = Int32(exactly: io.sectors), let error = Self.packed(io.clockError),
      let hostRequests = UInt16(exactly: io.hostRequests),
      let completed = Self.distance(at, io.completed), Self.pack(io.times, &own)
    else { return nil }
    if let number = io.hostRequest {
      let first = firstOnHost ?? number
      firstOnHost = first
      guard let distance = Int32(exactly: number &- first), distance != .min else { return nil }
      own.hostRequest = distance
    }
    (own.request, own.completed, own.clockError) = (request, completed, error)
    (own.sector, own.sectors) = (io.sector, sectors)
    (own.at, own.reference) = (at, io.reference.rawValue)
    (own.rwbs, own.hostRequests) = (io.rwbs, hostRequests)
    (own.operation, own.grade, own.reason) = (io.operation, io.grade, io.reason)
    if io.isLeading { own.form.insert(.isLeading) }
    if io.queued.isSeen { own.form.insert(.isQueued) }
    return own
  }

  /// ns after a moment; nil where they are too many.
  private static func distance(_ at: Int64, _ stamp: Stamp) -> Int32? {
    guard stamp.isSeen else { return .min }
    let distance = Int32(exactly: stamp.rawValue &- at)
    return distance == .min ? nil : distance
  }

  /// Whether they fit.
  private static func pack(_ times: HopTimes, _ own: inout Packed) -> Bool {
    let isThroughQEMU = times[.qemu].isSeen || times[.backend].isSeen
    let isOnHost = times[.hostScheduler].isSeen || times[.hardwareQueue].isSeen
    let isOfDriver = times.driver.isSeen
    guard !(isThroughQEMU && isOnHost), !(isOfDriver && times[.block].isSeen) else { return false }
    if isThroughQEMU { own.form.insert(.isThroughQEMU) }
    if isOfDriver { own.form.insert(.isOfDriver) }
    let stamps: InlineArray<7, Stamp> = [
      times[.pageCache], times[.guestScheduler], times[.virtioSubmit],
      times[isThroughQEMU ? .qemu : .hostScheduler],
      times[isThroughQEMU ? .backend : .hardwareQueue], times[.virtioReturn],
      isOfDriver ? times.driver : times[.block],
    ]
    for index in stamps.indices {
      guard let time = packed(stamps[index]) else { return false }
      own.times[index] = time
    }
    return true
  }
}
