public import TraceModel
public import TraceStore

/// The answer to an incident: what got worse for whom, since when, where the extra time went, because of whom, and what is
/// cleared. It is read from the views of a correlated incident file; nothing is found anew but ``SmallestChange``.
public struct Explanation: Sendable {
  /// The files are not of one capture: this is the answer then, and nothing else is given.
  public let mixed: Finding?
  /// The guests; the one whose I/Os lost most time first, and of equals by their names.
  public let guests: [GuestStory]
  /// What the rules found of severity warning or critical, in their order.
  public let findings: [Finding]
  /// Rules that had their data and found nothing in the capture as a whole. Of what a phase may come from none is here.
  public let ruledOut: [RuledOut]
  /// Rules that could not judge.
  public let notJudged: [NotJudged]

  /// A rule whose thresholds were not met.
  public struct RuledOut: Sendable {
    /// What it would have found.
    public let code: Finding.Code
    /// Its limits. The numbers that were measured are not kept.
    public let thresholds: [Threshold]
  }

  /// A rule without its data.
  public struct NotJudged: Sendable {
    /// What it would have found.
    public let code: Finding.Code
    /// The guest; nil where it is not about one.
    public let guest: String?
    /// What is missing, as a phrase or a sentence.
    public let missing: String
  }

  /// Of a correlated incident. Of the filter, guest, device and operation count; an operation is `read` or `write`, or
  /// nil for all. Throws ``StoreError`` for a damaged file.
  public init(_ file: IncidentFile, _ filter: IOFilter) throws {
    let all = try file.findings(guest: filter.guest)
    mixed = all.first { $0.code == .capturesMixed }
    guard mixed == nil else {
      (guests, findings, ruledOut, notJudged) = ([], [], [], [])
      return
    }
    let judged = all.filter { $0.confidence != .none }
    findings = judged.filter { $0.severity > .info && !$0.code.isAboutTail }
    let clock = try ReferenceClock(file)
    guests = try file.guestNames().filter { guest in
      let isAsked = filter.guest == nil || filter.guest == guest
      return try isAsked
        && (filter.device.map { try file.guestDisks(of: guest).contains($0) } ?? true)
    }.map { guest in
      var own = filter
      own.guest = guest
      return try GuestStory(file, own, clock)
    }.sorted {
      $0.lostTime != $1.lostTime ? $0.lostTime > $1.lostTime : $0.guest < $1.guest
    }
    var (ruledOut, notJudged): ([RuledOut], [NotJudged]) = ([], [])
    for finding in all where finding.confidence == .none && RuleData(finding.code) != nil {
      notJudged.append(
        NotJudged(code: finding.code, guest: finding.guest, missing: finding.sentence))
    }
    let suspected = guests.flatMap(\.suspected)
    for code in Finding.Code.allCases
    where !all.contains(where: { $0.code == code }) && !suspected.contains(code) {
      guard let needs = RuleData(code) else { continue }
      if try needs.isThere(in: file) {
        let thresholds = Findings.rules.filter { $0.code == code }.flatMap(\.thresholds)
        ruledOut.append(RuledOut(code: code, thresholds: thresholds))
      } else {
        notJudged.append(NotJudged(code: code, guest: nil, missing: needs.name))
      }
    }
    (self.ruledOut, self.notJudged) = (ruledOut, notJudged)
  }
}

extension Finding.Code {
  /// Whether it describes where slow I/Os spend their time, without a cause.
  fileprivate var isAboutTail: Bool {
    [.latencyStacking, .tailAmplified, .falseOptimisation].contains(self)
  }
}

extension GuestStory {
  /// What rules would find of the causes of its phases, though a short one may not reach their thresholds.
  fileprivate var suspected: [Finding.Code] {
    changed.flatMap { phase in
      (phase.isStall ? [Finding.Code.deviceStall] : [])
        + phase.causes.flatMap { cause -> [Finding.Code] in
          switch cause.kind {
          case "cpu_neighbour": [.stealHidden, .noisyCPUNeighbour]
          case "own_cpu", "throttle": [.stealHidden]
          case "disk_neighbour": [.noisyDiskNeighbour]
          case "device": [.deviceStall, .ioErrors]
          case "virtio_ring": [.ringSaturated]
          case "numa": [.numaSpanning, .numaRemote]
          case "network": [.netDropBeforeWire]
          default: []
          }
        }
    }
  }
}

/// What a rule reads, without which its silence says nothing.
private struct RuleData {
  /// For people: `the host's block trace`.
  let name: String
  /// A statement that has a row where there is some of it.
  private let sql: String

  private init(_ name: String, _ sql: String) { (self.name, self.sql) = (name, sql) }

  /// Nil for what is no layer to be ruled out: facts about the tail, and about the files.
  init?(_ code: Finding.Code) {
    switch code {
    case .stealHidden:
      self.init(
        "a scheduler trace of the host, or counters of stolen time",
        """
        SELECT 1 FROM thread_wait WHERE role = 'vcpu' UNION ALL SELECT 1 FROM vm_counter WHERE st IS NOT NULL
        UNION ALL SELECT 1 FROM counter_value WHERE tool = '/proc/stat'
        """)
    case .noisyCPUNeighbour:
      self.init(
        "a scheduler trace of the host in which the guest's threads are known",
        "SELECT 1 FROM thread_wait WHERE role IN ('vcpu', 'iothread') AND guest IS NOT NULL")
    case .numaSpanning, .numaRemote:
      self.init(
        "the memory of each node (numastat -p or numa_maps of the host)",
        "SELECT 1 FROM numa_placement")
    case .noisyDiskNeighbour:
      self.init("the host's block trace", Self.hostStages)
    case .deviceStall:
      self.init("a block trace", "SELECT 1 FROM stage WHERE stage = 'D2C'")
    case .ioErrors:
      self.init("a block trace", "SELECT 1 FROM stage")
    case .ringSaturated:
      self.init(
        "the depth of the guest's scheduler and of its virtio queue",
        """
        SELECT 1 WHERE EXISTS (SELECT 1 FROM queue_depth WHERE hop = 'virtio_queue')
          AND EXISTS (SELECT 1 FROM queue_depth WHERE hop = 'guest_scheduler')
        """)
    case .netDropBeforeWire:
      self.init(
        "counters of network interfaces",
        "SELECT 1 FROM net_path UNION ALL SELECT 1 FROM net_total")
    case .backpressureCollapse, .notExplained:
      self.init("the guest's block trace", "SELECT 1 FROM hop_summary WHERE hop = 'block'")
    case .doubleQueueing, .hostCacheAbsorbs:
      self.init(
        "I/Os of the guest that were matched with the host's",
        "SELECT 1 FROM hop_summary WHERE hop = 'host_scheduler'")
    case .pageCacheHides:
      self.init(
        "the guest's page cache events", "SELECT 1 FROM hop_summary WHERE hop = 'page_cache'")
    case .latencyStacking, .tailAmplified, .falseOptimisation, .traceIncomplete, .notComparable,
      .capturesMixed:
      return nil
    }
  }

  private static let hostStages =
    "SELECT 1 FROM stage JOIN source USING (source_id) WHERE source.layer = 'host'"

  func isThere(in file: IncidentFile) throws -> Bool {
    try !file.rows("SELECT 1 AS found WHERE EXISTS (\(sql))").isEmpty
  }
}
