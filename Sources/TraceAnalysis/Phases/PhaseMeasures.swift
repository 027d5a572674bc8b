internal import TraceModel

/// Who used a CPU or a device in each period.
struct PhaseUser {
  /// A thread's, a process's or a guest's name; nil where there is none.
  let name: String?
  let machine: String?
  /// Nil where several threads have that name.
  var pid: Int64?
  /// What it did, a second, by period.
  var rates: [Double]
  let unit: String
  /// What others waited for it, or how long it kept the device busy, ns a second, by period.
  var weights: [Double]
}

/// What was measured beside the I/Os of a guest, for its causes.
struct PhaseMeasures {
  let periods: PhasePeriods
  /// Whether the host alone tells of the guest: its I/Os are what its threads asked of the host's devices.
  var isOfHost = false
  /// By period: what the guest's threads waited for a CPU together, ns a second; empty without a scheduler trace of the
  /// host.
  var threadWaits: [Double] = []
  /// By period: what the guest's I/Os waited for a CPU in H3, ns each; empty without a scheduler trace of the host.
  var cpuWaits: [Double] = []
  /// Whose threads the guest's threads waited behind, with the cause that it would be.
  var occupants: [(kind: CauseKind, user: PhaseUser)] = []
  /// Who used the devices of the guest's disks besides its own threads.
  var sharers: [PhaseUser] = []
  /// Whether a trace of the host's device reaches over a fair part of all periods: else nobody is known to be away.
  var isDeviceKnown = false
  /// By phase: what of H4 and H5 was behind requests of those of the sharers who changed with it, ns for each I/O.
  var behind: [Int: Double] = [:]
  /// The guest's processes that asked for I/O.
  var tasks: [PhaseUser] = []
  /// The guest's threads, by its own trace.
  var ownThreads: [PhaseUser] = []
  /// I/Os, and bytes, a second, by period.
  var arrivals: [Double] = []
  var bytes: [Double] = []
  /// Time on a CPU of the threads that serve the disks for each I/O, and of the vCPUs a second, ns, by period; empty
  /// where unknown.
  var served: [Double] = []
  var ran: [Double] = []
  /// The share of the time of the guest's threads on each node of the host, by period; empty where unknown.
  var nodes: [[Double]] = []
  /// The phase with which a scheduler trace that does not show the baseline compares; nil where it shows that.
  var standIn: Int?
  /// Who serves the disks.
  var server: PhaseUser?
  /// The limits on the guest's I/O, each with what it let through a second, by period; 0 where it was not reached.
  var limits: [PhaseUser] = []
  /// Who moves the guest's packets on the host: its vhost threads; nil without any.
  var network: PhaseUser?

  /// Whether a scheduler trace of the host tells of all periods.
  var isCPUKnown: Bool { !served.isEmpty }
}
