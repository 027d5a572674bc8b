/// How the times of a scheduler trace become times of the block trace of the same machine.
public struct SchedulerClock: Sendable {
  /// How it was found.
  public enum Method: String, Sendable {
    /// There is no block trace: its times are their own.
    case own = "own clock"
    /// Both are in one file, whose events one clock stamped.
    case oneFile = "one file"
    /// A thread that queues a bio is on a CPU at that moment.
    case containment = "queued while on a CPU"
    /// Another trace of the same clock has block events that the block trace has, too.
    case sameEvents = "same events"
  }

  /// How it was found.
  public let method: Method
  private let fitted: GuestClock?
  private let offset: Int64
  private let bound: Int64
  private let placed: [GuestClock]

  /// Whether times need no change.
  var isIdentity: Bool { (method == .own || method == .oneFile) && placed.isEmpty }

  /// Times that need no change.
  public static let own = SchedulerClock(method: .own, fitted: nil, offset: 0, bound: 0, placed: [])

  /// The clock of a file that has the events of both.
  public static let oneFile = SchedulerClock(
    method: .oneFile, fitted: nil, offset: 0, bound: 0, placed: [])

  /// A clock that is a constant away, within a bound, ns.
  public static func constant(_ offset: Int64, bound: Int64) -> SchedulerClock {
    SchedulerClock(
      method: .sameEvents, fitted: nil, offset: offset, bound: bound, placed: [])
  }

  static func fitted(_ clock: GuestClock) -> SchedulerClock {
    SchedulerClock(method: .containment, fitted: clock, offset: 0, bound: 0, placed: [])
  }

  /// The same, and from the block trace's clock on to the reference by a guest's clock.
  public func followed(by clock: GuestClock) -> SchedulerClock {
    SchedulerClock(
      method: method, fitted: fitted, offset: offset, bound: bound, placed: placed + [clock])
  }

  /// The moment on the other clock, ns.
  public func reference(_ own: Int64) -> Int64 {
    if fitted == nil, placed.isEmpty { return own + offset }
    return placed.reduce(fitted.map { $0.reference(own) } ?? own + offset) { $1.reference($0) }
  }

  /// How far that may be off, ns.
  public func error(at own: Int64) -> Int64 {
    var at = fitted.map { $0.reference(own) } ?? own + offset
    var error = fitted.map { $0.error(at: own) } ?? bound
    for clock in placed {
      error += clock.error(at: at)
      at = clock.reference(at)
    }
    return error
  }

  /// The relations that it is made of; none for a constant.
  public var relations: [ClockRelation] { fitted?.stretches ?? [] }

  /// The constant that it is, where it is one.
  public var constantOffset: Int64? { fitted == nil ? offset : nil }
}
