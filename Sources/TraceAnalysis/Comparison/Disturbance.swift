internal import TraceModel
internal import TraceStore

/// Something beside the guest's own load that a side had: a neighbour, a pause, a limit.
public struct Disturbance: Sendable {
  /// Its kinds.
  public enum Kind: String, CaseIterable, Sendable {
    /// Threads of others had the CPUs that vCPUs waited for: % of the vCPUs' time.
    case cpuNeighbour = "cpu_neighbour"
    /// Others asked the disk below: requests per s.
    case diskNeighbour = "disk_neighbour"
    /// The guest stood still: ms of each s.
    case pause
    /// The disk below held requests and completed none: ms of each s.
    case stall
    /// Requests came through at an even rate while others waited above the host: requests per s.
    case rateLimit = "rate_limit"
  }

  /// How much of it there was on a side.
  public struct Amount: Sendable {
    /// In the unit of its kind.
    public let value: Double
    /// The part of the side's time in which it was there, 0 to 1; nil where that is not known.
    public let presence: Double?
  }

  /// What kind it is.
  public let kind: Kind
  /// The guest that it is about.
  public let guest: String
  /// The disk that it is about; nil: the guest as a whole.
  public let device: String?
  /// Whose it is: a process, another guest; nil where it has no name.
  public let name: String?
  /// Before; nil where the side's files could not show it.
  public let before: Amount?
  /// After; nil where the side's files could not show it.
  public let after: Amount?

  /// Less than this is as good as nothing, in the kind's unit.
  private var least: Double {
    switch kind {
    case .cpuNeighbour: 2
    case .diskNeighbour: 5
    case .pause, .stall: 1
    case .rateLimit: 0
    }
  }

  /// Whether either side had enough of it.
  fileprivate var isLargeEnough: Bool { max(before?.value ?? 0, after?.value ?? 0) > least }

  /// Whether it was there on one side only, or with another strength; nil where one side cannot tell.
  public var isDifferent: Bool? {
    guard let before, let after else { return nil }
    let (low, high) = (min(before.value, after.value), max(before.value, after.value))
    return high > least && high > LoadComparison.factor * max(low, least)
  }

  /// Whether it was there on one side and not on the other; nil where one side cannot tell.
  public var isOneSided: Bool? {
    guard let before, let after else { return nil }
    return (before.value > least) != (after.value > least)
  }
}

/// The disturbances of a guest's disk on both sides.
struct DisturbanceReading {
  /// What is told apart on a side.
  private struct Key: Hashable {
    let kind: Disturbance.Kind
    let name: String?
  }

  /// What one side shows.
  private struct Side {
    var amounts: [Key: Disturbance.Amount] = [:]
    /// Kinds that its files can show.
    var judged: Set<Disturbance.Kind> = []
  }

  /// Neighbours of a kind that are listed.
  private static let most = 4

  private var before = Side()
  private var after = Side()
  private let load: LoadComparison

  /// `share`: the part of the time from Q to C that lies in H3, by side; nil where H3 is not known.
  init(
    _ first: [Recording], _ second: [Recording], old: MachinePairing.Device, load: LoadComparison,
    share: (before: Double?, after: Double?)
  ) throws {
    self.load = load
    before = try Self.read(first, guest: old.machine, device: old.device, share: share.before)
    after = try Self.read(second, guest: load.guest, device: load.device, share: share.after)
  }

  /// All of them that one side had, by kind, the strongest first.
  var found: [Disturbance] {
    Disturbance.Kind.allCases.flatMap { kind -> [Disturbance] in
      let keys = Set(before.amounts.keys).union(after.amounts.keys).filter { $0.kind == kind }
      func amount(_ side: Side, _ key: Key) -> Disturbance.Amount? {
        side.amounts[key]
          ?? (side.judged.contains(kind) ? Disturbance.Amount(value: 0, presence: 0) : nil)
      }
      return Array(
        keys.map { key in
          Disturbance(
            kind: kind, guest: load.guest,
            device: [.cpuNeighbour, .pause].contains(kind) ? nil : load.device, name: key.name,
            before: amount(before, key), after: amount(after, key))
        }.filter(\.isLargeEnough).sorted {
          let (left, right) = (
            max($0.before?.value ?? 0, $0.after?.value ?? 0),
            max($1.before?.value ?? 0, $1.after?.value ?? 0)
          )
          return left != right ? left > right : ($0.name ?? "") < ($1.name ?? "")
        }.prefix(Self.most))
    }
  }

  // MARK: - A side

  private static func read(
    _ recordings: [Recording], guest: String, device: String, share: Double?
  ) throws -> Side {
    var side = Side()
    var sums: [Key: (amount: Double, present: Double)] = [:]
    var times: [Disturbance.Kind: Double] = [:]
    for recording in recordings {
      let own = SideReading(recording: recording, guest: guest, device: device)
      for found in [try own.cpuNeighbours(), try own.diskNeighbours(), try own.stops()].flatMap(
        \.self)
      {
        side.judged.insert(found.kind)
        times[found.kind, default: 0] += found.time
        for (name, amount) in found.amounts {
          let key = Key(kind: found.kind, name: name)
          sums[key, default: (0, 0)].amount += amount.sum
          sums[key, default: (0, 0)].present += amount.present
        }
      }
      if let share {
        side.judged.insert(.rateLimit)
        if share >= leastShare, let limit = try own.rateLimit() {
          side.amounts[Key(kind: .rateLimit, name: nil)] = limit
        }
      }
    }
    for (key, sum) in sums {
      guard let time = times[key.kind], time > 0, sum.amount > 0 else { continue }
      side.amounts[key] = Disturbance.Amount(
        value: sum.amount / time, presence: min(1, sum.present / time))
    }
    return side
  }

  /// Requests that a limit holds back wait between the guest's D and the host's Q: most of their time is H3.
  private static let leastShare = 0.5
}

/// What one recording shows of the disturbances of a disk.
private struct SideReading {
  let recording: Recording
  let guest: String
  let device: String

  /// What was found of a kind: sums over the time in which it could be seen.
  struct Found {
    let kind: Disturbance.Kind
    /// s, or s of vCPUs; what the sums are divided by.
    var time: Double
    /// By name; in the kind's unit times s, and the time in which it was there.
    var amounts: [String?: (sum: Double, present: Double)]
  }

  private var file: IncidentFile { recording.file }

  /// The condition that an interval of some length begins in the window.
  private var within: String {
    recording.window.map { "at_ns >= \($0.lowerBound) AND at_ns < \($0.upperBound)" } ?? "1"
  }

  /// Who had the CPUs that the guest's vCPUs waited for; its own threads and the kernel's are no neighbours.
  func cpuNeighbours() throws -> [Found] {
    var found = Found(kind: .cpuNeighbour, time: 0, amounts: [:])
    for row in try file.rows(
      "SELECT * FROM wait_interval WHERE guest = \(Evidence.literal(guest)) AND \(within)")
    {
      let time = (row.number("interval_ns") ?? 0) * (row.number("vcpus") ?? 0) / 1e9
      guard let kind = row.text("class") else {
        found.time += time
        continue
      }
      guard kind == CulpritClass.host.name || kind == CulpritClass.guest.name,
        let wait = row.number("wait_ns"), wait > 0
      else { continue }
      let comm = row.text("comm")
      let name =
        comm.map { CauseCorrelation.recorders.contains($0) ? "recording tools" : $0 }
        ?? row.text("of_guest").map { "guest \($0)" } ?? "others"
      found.amounts[name, default: (0, 0)].sum += 100 * wait / 1e9
      if wait / 1e9 >= 0.01 * time { found.amounts[name, default: (0, 0)].present += time }
    }
    return found.time > 0 ? [found] : []
  }

  /// Who else asked the device on which the disk lies.
  func diskNeighbours() throws -> [Found] {
    guard
      let below = try MachinePairing.below(.init(machine: guest, device: device), in: [recording])
    else {
      return []
    }
    var found = Found(kind: .diskNeighbour, time: 0, amounts: [:])
    for row in try file.rows(
      """
      SELECT * FROM device_interval WHERE machine = \(Evidence.literal(below.machine))
        AND device = \(Evidence.literal(below.device)) AND \(within)
      """)
    {
      let time = (row.number("interval_ns") ?? 0) / 1e9
      let (whose, comm) = (row.text("guest"), row.text("comm"))
      guard whose != nil || comm != nil else {
        found.time += time
        continue
      }
      guard whose != guest, let requests = row.number("requests"), requests > 0 else { continue }
      let name = whose.map { "guest \($0)" } ?? comm
      found.amounts[name, default: (0, 0)].sum += requests
      found.amounts[name, default: (0, 0)].present += time
    }
    return found.time > 0 ? [found] : []
  }

  /// When the guest stood still, and when the device below completed nothing.
  func stops() throws -> [Found] {
    guard let span = try span, span > 0 else { return [] }
    let isIn =
      recording.window.map { " AND from_ns < \($0.upperBound) AND to_ns > \($0.lowerBound)" } ?? ""
    let paused = try file.rows(
      "SELECT sum(length_ns) AS ns FROM pause WHERE guest = \(Evidence.literal(guest))\(isIn)"
    ).first?.number("ns")
    var found = [Found(kind: .pause, time: span, amounts: amounts(paused))]
    if let below = try MachinePairing.below(.init(machine: guest, device: device), in: [recording])
    {
      let stalled = try file.rows(
        """
        SELECT sum(length_ns) AS ns FROM queue_stall WHERE machine = \(Evidence.literal(below.machine))
          AND device = \(Evidence.literal(below.device)) AND hop = 'hardware_queue' AND \(within)
        """
      ).first?.number("ns")
      found.append(Found(kind: .stall, time: span, amounts: amounts(stalled)))
    }
    return found
  }

  private func amounts(_ time: Double?) -> [String?: (sum: Double, present: Double)] {
    time.map { [nil: ($0 / 1e6, $0 / 1e9)] } ?? [:]
  }

  /// How long the side is, s: from its first to its last interval.
  private var span: Double? {
    get throws {
      try file.rows(
        """
        SELECT sum(interval_ns) AS ns FROM latency_interval WHERE guest = \(Evidence.literal(guest))
          AND device = \(Evidence.literal(device)) AND op = 'all' AND \(within)
        """
      ).first?.number("ns").map { $0 / 1e9 }
    }
  }

  // MARK: A limit

  /// Intervals in a row that show a limit at least.
  private static let leastIntervals = 8
  /// I/Os of each of them at least: the steps of a few would hide that a rate is uneven.
  private static let leastIOs = 25.0
  /// How far the rate of an interval may be from that of all: within the end of one I/O and this part.
  private static let unevenness = 0.02
  /// How far their medians may be apart: as many I/Os always wait.
  private static let spread = 0.1

  /// The longest stretch in which requests came at one even rate and took one even time, that is, in which as many waited
  /// always: a limit lets them through one by one. Nil where there is none.
  func rateLimit() throws -> Disturbance.Amount? {
    let rows = try file.rows(
      """
      SELECT * FROM latency_interval WHERE guest = \(Evidence.literal(guest))
        AND device = \(Evidence.literal(device)) AND op = 'all' AND \(within) ORDER BY at_ns
      """
    ).compactMap { row -> (rate: Double, time: Double, median: Double, count: Double)? in
      guard let count = row.number("count"), let length = row.number("interval_ns"), length > 0,
        let median = row.number("p50_ns")
      else { return nil }
      return (1e9 * count / length, length / 1e9, median, count)
    }
    let whole = rows.reduce(0) { $0 + $1.time }
    var best: (rate: Double, time: Double)?
    var first = 0
    while first < rows.count {
      let start = rows[first]
      let run = rows[first...].prefix { row in
        row.count >= Self.leastIOs
          && abs(row.count - start.rate * row.time) <= 1 + Self.unevenness * row.count
          && abs(row.median - start.median) <= Self.spread * start.median
      }
      let time = run.reduce(0) { $0 + $1.time }
      let inFlight = start.rate * start.median / 1e9
      if run.count >= Self.leastIntervals, inFlight >= 1.5, time > best?.time ?? 0 {
        best = (run.reduce(0) { $0 + $1.count } / time, time)
      }
      first += max(1, run.count)
    }
    return best.map {
      Disturbance.Amount(value: $0.rate, presence: whole > 0 ? $0.time / whole : nil)
    }
  }
}
