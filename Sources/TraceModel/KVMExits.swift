/// What KVM's tracepoints tell of one virtual CPU: how long it was in the guest, and why it left.
public struct KVMExits: Sendable {
  /// The exits of one reason, each until the next entry.
  public struct Reason: Sendable {
    /// How many ended with an entry.
    public var count: Int64 = 0
    /// How long they took together, ns.
    public var sum: Int64 = 0
    /// The shortest, ns.
    public var least = Int64.max
    /// The longest, ns.
    public var greatest: Int64 = 0

    /// None yet.
    public init() {}

    /// Takes one.
    public mutating func add(_ length: Int64) {
      count += 1
      sum.add(saturating: length)
      least = min(least, length)
      greatest = max(greatest, length)
    }
  }

  /// The thread on the host.
  public var tid: UInt32
  /// The number of the virtual CPU; -1 where the text does not say.
  public var vcpu: Int64 = -1
  /// First event, ns on the source's clock.
  public var first: Int64
  /// Last event.
  public var last: Int64
  /// From entries to exits, ns.
  public var guest: Int64 = 0
  /// Entries whose exit was seen.
  public var entries: Int64 = 0
  /// By reason as KVM names it: `hlt`, `EPT_VIOLATION`, `WFx`.
  public var reasons: [String: Reason] = [:]

  /// A virtual CPU of which nothing but an event is known yet.
  public init(tid: UInt32, at time: Int64) {
    self.tid = tid
    first = time
    last = time
  }

  /// Whether an exit of that reason means that the virtual CPU had nothing to do.
  public static func isHalt(_ reason: String) -> Bool {
    ["hlt", "wfx", "wfi"].contains(reason.lowercased())
  }
}
