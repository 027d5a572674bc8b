internal import Glibc
internal import TraceStore

/// What one machine's counters say over time, reading by reading: the requests of its disks and how long they took, CPU
/// time, stolen time. Times are ns since 1970, as printed.
struct CounterSignals {
  /// What a signal is of.
  enum Kind: Hashable {
    /// How long a request of a disk took on average, ms.
    case await
    /// Requests of a disk a second.
    case rate
    /// The share of the machine's CPU time that was stolen.
    case steal
    /// The share of the machine's CPU time, or of one CPU's, in which something ran.
    case busy
    /// The share of a VM's CPU time in which a limit in its settings held it back.
    case limited
    /// The share of a VM's CPU time in which it waited for memory that its host had swapped out.
    case swapWait
  }

  /// An amount that grew over an interval: divided by its base it is the value.
  struct Point {
    let from: Int64
    let to: Int64
    let amount: Double
    let base: Double

    /// A share of the time of an interval.
    static func share(_ share: Double, from: Int64, to: Int64) -> Point {
      let seconds = Double(to - from) / 1e9
      return Point(from: from, to: to, amount: share * seconds, base: seconds)
    }
  }

  struct Signal {
    let kind: Kind
    /// A disk's major,minor; a CPU's number; empty for the machine.
    let object: String
    /// The name that the machine gives it.
    let name: String
    /// Whether it is a partition of another disk.
    let isPart: Bool
    let points: [Point]
    /// What its host's own tool calls it, where that tells it: `%RDY`.
    var screen: String?

    /// How long its intervals usually are, ns.
    var interval: Int64 {
      let lengths = points.map { $0.to - $0.from }.sorted()
      return max(1, lengths[lengths.count / 2])
    }

    /// The mean over stretches of time; nil where nothing is known.
    func mean(_ ranges: [Range<Int64>]) -> Double? {
      let own = sum(ranges)
      return own.base > 0 ? own.amount / own.base : nil
    }

    /// What it grew by within stretches of time, each interval by how much of it lies there.
    func sum(_ ranges: [Range<Int64>]) -> (amount: Double, base: Double, covered: Double) {
      var sum = (amount: 0.0, base: 0.0, covered: 0.0)
      for point in points {
        for range in ranges {
          let part = min(point.to, range.upperBound) - max(point.from, range.lowerBound)
          guard part > 0 else { continue }
          let share = Double(part) / Double(point.to - point.from)
          sum.amount += share * point.amount
          sum.base += share * point.base
          sum.covered += Double(part)
        }
      }
      return sum
    }

    /// For a person: `254,16 await`.
    var title: String {
      switch kind {
      case .await: "\(object) await"
      case .rate: "\(object) requests"
      case .steal: screen.map { "waits for a CPU (\($0))" } ?? "stolen CPU time"
      case .busy: object.isEmpty ? "CPU use" : "CPU \(object)"
      case .limited: "time held back by a CPU limit (\(screen ?? ""))"
      case .swapWait: "waits for swapped memory (\(screen ?? ""))"
      }
    }

    /// A change of the value that matters, on the scale on which changes are looked for.
    var least: Double {
      switch kind {
      case .await, .rate: log(1.5)
      case .steal: screen == nil ? 0.1 : 0.05
      case .busy: 0.1
      case .limited: 0.02
      case .swapWait: 0.05
      }
    }
  }

  let machine: String
  private(set) var signals: [Signal] = []
  /// Whether its times are UTC. What is in local times of a zone that no file tells is left out where others are.
  let isUTC: Bool
  /// The moment from which phases count, where that is not the first of its own readings.
  private var start: Int64?

  /// Requests in an interval with fewer of which nothing is said about how long they took.
  private static let leastRequests = 3.0
  private static let mostBlocks = 200
  /// Of the disks of a machine, those with most requests.
  private static let mostDisks = 8

  init(_ machine: String, _ file: IncidentFile) throws {
    self.machine = machine
    let reports =
      try [file.vmstatReports(of: machine), file.procStatReports(of: machine)]
      + CPUShareTool.allCases.map { try file.reports(of: machine, by: $0) }
    // What the kernel counted is better than what a tool printed of it.
    let loads =
      try DiskLoadTool.allCases.map { try file.diskLoads(of: machine, by: $0) }
      .first { !$0.isEmpty } ?? []
    let cpus = try file.cpuLoads(of: machine)
    let isUTC =
      reports.contains { $0.contains(where: \.isUTC) } || loads.contains(where: \.isUTC)
      || cpus.contains(where: \.isUTC)
    self.isUTC = isUTC
    // vmstat has the finer intervals, /proc/stat the finer numbers.
    let rows = reports.map { $0.filter { $0.isUTC == isUTC } }.max { $0.count < $1.count } ?? []
    addCPUs(rows, cpus.filter { $0.isUTC == isUTC })
    let disks = Dictionary(grouping: loads.filter { $0.isUTC == isUTC }, by: \.number)
    let names = Set(disks.values.compactMap(\.first?.name))
    addDisks(Array(disks.values)) { Self.isPart($0, of: names) }
  }

  /// The disks with most requests, each with its rows in order of time.
  private mutating func addDisks(_ disks: [[DiskLoadRow]], isPart: (_ name: String) -> Bool) {
    let busiest = disks.sorted {
      ($0.reduce(0) { $0 + $1.requests }, $1[0].number)
        > ($1.reduce(0) { $0 + $1.requests }, $0[0].number)
    }
    for rows in busiest.prefix(Self.mostDisks) where rows.contains(where: { $0.requests > 0 }) {
      let isPart = isPart(rows[0].name)
      func add(_ kind: Kind, _ point: (DiskLoadRow) -> (Double, Double)) {
        signals.append(
          Signal(
            kind: kind, object: rows[0].number, name: rows[0].name, isPart: isPart,
            points: rows.map {
              let (amount, base) = point($0)
              return Point(from: $0.from, to: $0.to, amount: amount, base: base)
            }))
      }
      add(.await) { ($0.waited, $0.requests) }
      add(.rate) { ($0.requests, Double($0.to - $0.from) / 1e9) }
    }
  }

  /// A VM by the rows of its host's esxtop.
  init(vm: String, of loads: EsxLoads) {
    (machine, isUTC, start) = (vm, loads.isUTC, loads.start)
    let rows = loads.vms[vm] ?? []
    func add(_ kind: Kind, _ screen: String?, _ share: (EsxLoads.VM) -> Double?) {
      let points = rows.compactMap { row in
        share(row).map { Point.share($0 / 100, from: row.from, to: row.to) }
      }
      guard !points.isEmpty else { return }
      signals.append(
        Signal(kind: kind, object: "", name: "", isPart: false, points: points, screen: screen))
    }
    add(.steal, "%RDY without %MLMTD, %CSTP", \.held)
    add(.limited, "%MLMTD", \.limited)
    add(.swapWait, "%SWPWT", \.swapWait)
    add(.busy, nil, \.run)
    let disks = Dictionary(grouping: loads.disks[vm] ?? [], by: \.number)
    addDisks(Array(disks.values)) { _ in false }
  }

  private mutating func addCPUs(_ reports: [CPUReportRow], _ cpus: [CPULoadRow]) {
    func points(_ share: (CPUReportRow) -> Double?) -> [Point] {
      reports.compactMap { row in
        guard let share = share(row), row.to > row.from else { return nil }
        return Point.share(share / 100, from: row.from, to: row.to)
      }
    }
    for (kind, own) in [(Kind.steal, points(\.stolen)), (.busy, points(\.busy))]
    where !own.isEmpty {
      signals.append(Signal(kind: kind, object: "", name: "", isPart: false, points: own))
    }
    for (cpu, rows) in Dictionary(grouping: cpus, by: \.cpu).sorted(by: {
      $0.key < $1.key
    }) {
      signals.append(
        Signal(
          kind: .busy, object: cpu, name: "CPU \(cpu)", isPart: false,
          points: rows.map { Point.share($0.busy, from: $0.from, to: $0.to) }))
    }
  }

  /// `vda1` of `vda`, `nvme0n1p2` of `nvme0n1`.
  private static func isPart(_ name: String, of names: Set<String>) -> Bool {
    var stem = Substring(name)
    while let last = stem.last, last.isASCII, last.isNumber { stem.removeLast() }
    guard stem.count < name.count else { return false }
    if stem.last == "p", stem.dropLast().last?.isNumber == true,
      names.contains(String(stem.dropLast()))
    {
      return true
    }
    return names.contains(String(stem))
  }

  // MARK: Phases

  /// What changes are looked for in: whole disks, and the machine's CPU time.
  var symptoms: [Signal] {
    signals.filter { signal in
      switch signal.kind {
      case .await, .rate: !signal.isPart
      case .steal, .limited, .swapWait: true
      case .busy: signal.object.isEmpty
      }
    }
  }

  /// Whether a symptom was ever far enough from what it was otherwise to be looked at: of most VMs of a host none was.
  var mayHaveChanged: Bool {
    symptoms.contains { signal in
      let values = signal.points.map { Self.scaled($0.amount, $0.base, signal.kind) }
        .filter(\.isFinite)
      guard let least = values.min(), let most = values.max() else { return false }
      return most - least >= signal.least
    }
  }

  /// Blocks as long as the intervals of the slowest symptom are, over the time that the readings cover; nil without any.
  var grid: BlockGrid? {
    let own = symptoms
    let points = own.flatMap(\.points)
    guard let first = start ?? points.map(\.from).min(), let last = points.map(\.to).max(),
      last > first
    else { return nil }
    return BlockGrid(
      from: first, to: last - 1, length: own.map(\.interval).max() ?? 1, most: Self.mostBlocks)
  }

  /// The symptoms, each in cells as long as its own intervals, on a scale on which what matters is equal: the logarithm
  /// of times and rates. Times count from the begin of a grid, whose blocks no cell is shorter than.
  func amounts(from grid: BlockGrid) -> [PhaseAmounts] {
    let length = grid.length * Int64(grid.count)
    return symptoms.map { signal in
      let own = BlockGrid(
        from: 0, to: length - 1, length: max(grid.length, signal.interval), most: .max)
      let cells = (0..<own.count).map { block -> Double in
        let range = own.range(of: block)
        let sum = signal.sum([range.lowerBound + grid.start..<range.upperBound + grid.start])
        guard sum.covered >= 0.5 * Double(own.length) else { return .nan }
        return Self.scaled(sum.amount, sum.base, signal.kind)
      }
      return PhaseAmounts(
        counter: signal.title, own, cells.map { $0 * Double(own.length) },
        least: signal.least, isUsuallyNone: signal.screen != nil)
    }
  }

  /// A value on the scale on which changes are looked for; not a number where nothing can be said.
  private static func scaled(_ amount: Double, _ base: Double, _ kind: Kind) -> Double {
    guard base > 0 else { return .nan }
    let value = amount / base
    return switch kind {
    case .await: base >= leastRequests ? log(max(0.01, value)) : .nan
    case .rate: log(1 + value)
    case .steal, .busy, .limited, .swapWait: value
    }
  }
}
