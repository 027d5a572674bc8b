/// What happened in the scheduler.
public enum SchedEventKind: UInt8, CodedVocabulary {
  /// A thread leaves a CPU and another gets it.
  case switched
  /// A thread is to be woken: the decision, on the waker's CPU.
  case waking
  /// It is on a run queue.
  case wakeup
  /// It is on a run queue for the first time.
  case wakeupNew
  /// It goes to the queue of another CPU.
  case migrated
  /// Its last trace is gone.
  case freed
  /// The kernel's own sum: so long it stood on the run queue, just now.
  case waited
  /// An event of the scheduler that runs and waits do not need.
  case other

  /// The name in views.
  public var name: String {
    switch self {
    case .switched: "switch"
    case .waking: "waking"
    case .wakeup: "wakeup"
    case .wakeupNew: "wakeup_new"
    case .migrated: "migrate"
    case .freed: "free"
    case .waited: "stat_wait"
    case .other: "other"
    }
  }
}

/// One event of the scheduler, from whatever text it was read.
public struct SchedEvent: Sendable {
  /// Nanoseconds on the trace's clock.
  public var time: Int64 = 0
  /// The line, from 1.
  public var line: Int64 = 0
  /// `switched`: who leaves. Else: whom it is about.
  public var name = TaskName()
  /// `switched`: who comes.
  public var nextName = TaskName()
  /// `switched`: who leaves. Else: whom it is about.
  public var tid: UInt32 = 0
  /// `switched`: who comes.
  public var nextTid: UInt32 = 0
  /// The process of the thread that was running; 0: not printed.
  public var pid: UInt32 = 0
  /// The CPU that recorded it.
  public var cpu: Int32 = 0
  /// `waited`: how long, ns.
  public var delay: Int64 = 0
  /// The CPU it goes to; -1: not printed.
  public var target: Int32 = -1
  /// What happened.
  public var kind = SchedEventKind.other
  /// `switched`: how the one leaves.
  public var left = LeaveReason.unknown
  /// `switched`: the letter that says so, `R` of `R+`; 0 where there is none.
  public var letter: UInt8 = 0

  /// An empty event for a parser to fill.
  @inlinable
  public init() {}
}
