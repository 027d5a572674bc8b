/// What an incident shows, in one sentence, with the query that proves it.
public struct Finding: Sendable, Equatable {
  /// What kind of finding it is; scripts rely on the names.
  public enum Code: String, Vocabulary {
    /// vCPUs waited for a CPU of the host.
    case stealHidden = "STEAL_HIDDEN"
    /// A named neighbour was on the CPU while a guest waited.
    case noisyCPUNeighbour = "NOISY_CPU_NEIGHBOUR"
    /// A named neighbour used the device while a guest waited.
    case noisyDiskNeighbour = "NOISY_DISK_NEIGHBOUR"
    /// A guest runs on several memory nodes.
    case numaSpanning = "NUMA_SPANNING"
    /// A guest's memory lies on another node than its CPUs.
    case numaRemote = "NUMA_REMOTE"
    /// A virtqueue was full.
    case ringSaturated = "RING_SATURATED"
    /// Packets were lost before they left the machine.
    case netDropBeforeWire = "NET_DROP_BEFORE_WIRE"
    /// Two schedulers both hold requests.
    case doubleQueueing = "DOUBLE_QUEUEING"
    /// No hop dominates: several add up.
    case latencyStacking = "LATENCY_STACKING"
    /// The tail is much longer than the median.
    case tailAmplified = "TAIL_AMPLIFIED"
    /// Waits grow while the arrivals do not.
    case backpressureCollapse = "BACKPRESSURE_COLLAPSE"
    /// The device completed nothing for a while.
    case deviceStall = "DEVICE_STALL"
    /// Writes waited in the guest's page cache.
    case pageCacheHides = "PAGE_CACHE_HIDES"
    /// The host's page cache took writes.
    case hostCacheAbsorbs = "HOST_CACHE_ABSORBS"
    /// The hop that would be tuned is not the one that holds the time.
    case falseOptimisation = "FALSE_OPTIMISATION"
    /// Slower, but no layer given accounts for it.
    case notExplained = "NOT_EXPLAINED"
    /// Input is missing, lost or cut.
    case traceIncomplete = "TRACE_INCOMPLETE"
    /// Two incidents do not compare.
    case notComparable = "NOT_COMPARABLE"
    /// Requests failed.
    case ioErrors = "IO_ERRORS"
    /// The files are not of one capture.
    case capturesMixed = "CAPTURES_MIXED"
  }

  /// How much it matters.
  public enum Severity: String, Vocabulary, Comparable {
    /// Good to know.
    case info
    /// Worth acting on.
    case warning
    /// Accounts for much of what the users felt.
    case critical

    /// The less severe one first.
    public static func < (left: Severity, right: Severity) -> Bool { left.rank < right.rank }

    private var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }
  }

  /// How sure it is.
  public enum Confidence: String, Vocabulary {
    /// It cannot be judged from these files; the next step says which one would tell.
    case none
    /// An association.
    case low
    /// Measured, with a caveat that `because` names.
    case medium
    /// Measured.
    case high
  }

  /// What kind it is.
  public var code: Code
  /// How much it matters.
  public var severity: Severity
  /// The guest it is about; nil when it is about none.
  public var guest: String?
  /// What is so, with its numbers and their units.
  public var sentence: String
  /// How sure it is.
  public var confidence: Confidence
  /// The reason for that confidence: bounds, shares matched, what was lost.
  public var because: String
  /// One statement over the documented views that returns the numbers of the sentence.
  public var evidenceSQL: String
  /// What to do now.
  public var nextStep: String

  /// A finding.
  public init(
    _ code: Code, _ severity: Severity, guest: String?, sentence: String, confidence: Confidence,
    because: String, evidenceSQL: String, nextStep: String
  ) {
    self.code = code
    self.severity = severity
    self.guest = guest
    self.sentence = sentence
    self.confidence = confidence
    self.because = because
    self.evidenceSQL = evidenceSQL
    self.nextStep = nextStep
  }
}
