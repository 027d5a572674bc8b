/// What a recording says of the session that made it, and of the counter that its clock counts: enough to relate it to
/// another recording without a look at the events of either.
public struct TraceSession: Sendable, Equatable {
  /// How a guest's clock was related to its host's.
  public enum ShiftProtocol: String, Sendable, CaseIterable {
    /// By the offset and scaling that KVM itself keeps. It is exact, and the events have the host's times.
    case kvm
    /// By messages between the two. It may be wrong by milliseconds, and the events have the guest's times.
    case ptp
  }

  /// A guest that was recorded at the same time.
  public struct Guest: Sendable, Equatable {
    /// The host's name for it.
    public var name: String
    /// The session of the guest's own recording.
    public var id: UInt64

    /// A guest by its name.
    public init(name: String, id: UInt64) { (self.name, self.id) = (name, id) }
  }

  /// A moment on both clocks, ns, as messages measured it.
  public struct Moment: Sendable, Equatable {
    /// On the guest's clock.
    public var own: Int64
    /// On the clock of the host's recording, before anything was added to that.
    public var host: Int64

    /// A moment.
    public init(own: Int64, host: Int64) { (self.own, self.host) = (own, host) }
  }

  /// Its own number (`TRACEID`).
  public var id: UInt64?
  /// The number of the host's session (`TIME_SHIFT`).
  public var peer: UInt64?
  /// How the clocks were related; nil where they were not.
  public var shift: ShiftProtocol?
  /// What makes the counter's cycles into the times of its events; nil where they count something else.
  public var cycles: CycleClock?
  /// What was added to the times of its clock, ns.
  public var added: Int64 = 0
  /// The guests that were recorded with it (`GUEST`).
  public var guests: [Guest] = []
  /// What messages measured, of all CPUs.
  public var measured: [Moment] = []

  /// A recording that says nothing.
  public init() {}
}

/// Times that are cycles of a processor's counter: ns = zero + (cycles * multiplier >> shift).
public struct CycleClock: Sendable, Equatable {
  /// Cycles are multiplied by it,
  public var multiplier: UInt32
  /// and shifted right by so many bits, 32 at most.
  public var shift: UInt8
  /// The time of cycle 0, ns.
  public var zero: Int64

  /// A clock; nil where it would stand still, or its numbers are no clock's.
  public init?(multiplier: UInt64, shift: UInt64, zero: Int64) {
    guard (1...UInt64(UInt32.max)).contains(multiplier), shift <= 32 else { return nil }
    self.multiplier = UInt32(multiplier)
    self.shift = UInt8(shift)
    self.zero = zero
  }

  /// A time of this clock as another has it that counts the same cycles, ns; nil if it is out of range.
  public func time(_ own: Int64, on other: CycleClock) -> Int64? {
    let (since, isTooEarly) = own.subtractingReportingOverflow(zero)
    guard !isTooEarly else { return nil }
    var moved = Int128(since)
    if (multiplier, shift) != (other.multiplier, other.shift) {
      let up = moved * Int128(other.multiplier) << Int128(shift)
      let down = Int128(multiplier) << Int128(other.shift)
      // Rounded down, as cycles are.
      moved = up / down - (up % down < 0 ? 1 : 0)
    }
    let time = moved + Int128(other.zero)
    return Int64(exactly: time).flatMap { Stamp.range.contains($0) ? $0 : nil }
  }

  /// How much faster another runs that counts the same cycles, beyond 1.
  public func gain(of other: CycleClock) -> Double {
    func pace(_ clock: CycleClock) -> Double {
      Double(clock.multiplier) / Double(UInt64(1) << UInt64(clock.shift))
    }
    return (multiplier, shift) == (other.multiplier, other.shift)
      ? 0 : pace(other) / pace(self) - 1
  }
}
