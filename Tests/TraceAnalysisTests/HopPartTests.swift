import Testing
import TraceModel

@testable import TraceAnalysis
@testable import TraceCorrelation

/// The parts of hops, laid over I/Os one by one by hand.
@Suite("Parts of hops")
struct HopPartTests {
  private static let second: Int64 = 1_000_000_000

  private static let phases = [
    GuestPhases.Phase(range: 0..<5 * second, isBaseline: true, core: 0..<5 * second),
    GuestPhases.Phase(
      range: 5 * second..<10 * second, onsetError: 1, core: 5 * second..<10 * second),
  ]

  private static let names = ["ffmpeg", "xz", nil].map {
    HopPart(.cpuWait, word: $0 == nil ? HopPart.others : nil, name: $0)
  }

  /// An I/O with hops of such lengths, ns.
  private static func io(
    _ number: Int, at moment: Int64, _ operation: BlockOperation = .write,
    _ hops: KeyValuePairs<Hop, Int64>
  ) -> GuestIO {
    var io = GuestIO()
    io.request = Int64(number)
    io.hostRequest = Int64(number)
    io.operation = operation
    io.grade = .exact
    io.reference = Stamp(moment)
    for hop in Hop.blockParts {
      io.times[hop] = Stamp(hops.first { $0.key == hop }?.value ?? 10)
    }
    io.times[.block] = Stamp(Hop.blockParts.reduce(0) { $0 + io.times[$1].rawValue })
    return io
  }

  private static func row(_ id: Int, task: Int32 = 0) -> BlockRequest {
    var row = BlockRequest()
    row.id = Int64(id)
    row.task = task
    return row
  }

  // MARK: - Halves of the virtio queue

  /// A wait of a thread behind somebody, or a stay on a CPU.
  private struct Act {
    let thread: Int64
    /// Nil for a stay.
    let culprit: Int64?
    let span: Span
    /// How it left the CPU at the end of a stay.
    var left = LeaveReason.unknown
  }

  /// 101 and 102 are vCPUs, 201 and 202 serve the disk.
  private static func acts(_ generator: inout SeededGenerator) -> [Act] {
    var acts: [Act] = []
    for thread in [101, 102, 201, 202] as [Int64] {
      var at: Int64 = 0
      var isRunnable = false
      while at < 10 * second {
        if !isRunnable { at += Int64.random(in: 1...40_000_000, using: &generator) }
        let to = at + Int64.random(in: 1...60_000_000, using: &generator)
        // A wait has several parts, and ends with a stay mostly.
        let middle = Int64.random(in: at...to, using: &generator)
        let end = to + Int64.random(in: -2_000_000...10_000_000, using: &generator)
        let left = [LeaveReason.sleeping, .blocked, .preempted, .unknown].randomElement(
          using: &generator)
        for (culprit, span) in [
          (Int64.random(in: 0...2, using: &generator), Span(from: at, to: middle)),
          (Int64.random(in: 0...2, using: &generator), Span(from: middle, to: to)),
          (nil, Span(from: to, to: end)),
        ] where span.to > span.from {
          let left = culprit == nil ? left ?? .unknown : .unknown
          acts.append(Act(thread: thread, culprit: culprit, span: span, left: left))
        }
        isRunnable = end > to && left == .preempted
        at = max(to, end)
      }
    }
    return acts
  }

  private static let partNames = HalfPartNames(waits: names)

  @Test(
    "halves are shared out as of each I/O alone, in whatever pieces they come", arguments: 1...8)
  func halves(seed: Int) throws {
    var generator = SeededGenerator(seed: UInt64(seed))
    let acts = Self.acts(&generator)
    var (ios, rows, hostRows): (GuestIOs, [BlockRequest], [BlockRequest]) = ([], [], [])
    for number in 0..<400 {
      var own = Self.io(
        number, at: Int64(number) * 24_000_000, number % 3 == 0 ? .read : .write,
        [
          .virtioSubmit: .random(in: 0...90_000_000, using: &generator),
          .virtioReturn: .random(in: 0...90_000_000, using: &generator),
          .hardwareQueue: .random(in: 0...9_000_000, using: &generator),
        ])
      // Some are not covered.
      if number % 10 != 0 { (own.submitCPUWait, own.returnCPUWait) = (Stamp(0), Stamp(0)) }
      own.clockError = Stamp(300_000)
      ios.append(own)
      var row = Self.row(number)
      row.issuedCPU = Int32.random(in: -1...1, using: &generator)
      row.completedCPU = Int32.random(in: -1...1, using: &generator)
      rows.append(row)
      hostRows.append(Self.row(number, task: Int32.random(in: 0...2, using: &generator)))
    }
    var threads = WaitOverlay.Threads()
    threads.vcpus = [0: 101, 1: 102]
    threads.workers = [11: 101, 12: 102, 21: 201, 22: 202]
    threads.fallback = 201
    let parts = HalfParts(
      of: "web1", threads, known: Span(from: 0, to: 20 * Self.second), .own, error: 50_000,
      Self.partNames
    ) { Int($0.culprit) }
    parts.add(
      ios, disk: 0,
      IOHalves(
        ios, BlockRequests(rows), HostThreads([BlockRequests(hostRows)], tids: [1: 21, 2: 22])))
    var found: [String: Int64] = [:]
    func flush(before moment: Int64?) {
      parts.flush(before: moment) { half, part, time, io, _ in
        guard time != 0 else { return }
        let part = Self.partNames.parts[part]
        found["\(io.request) \(half) \(part.label) \(part.name ?? "")", default: 0] += time
      }
    }
    // In the order of their ends, now and then all that is over goes out.
    for (number, act) in acts.sorted(by: { $0.span.to < $1.span.to }).enumerated() {
      if let culprit = act.culprit {
        let pair = Culprits.Pair(victim: act.thread, culprit: culprit, occupant: .thread)
        parts.add(Culprits.Part(pair, place: Int(10 * act.thread + culprit), act.span))
      } else {
        parts.addStay(act.thread, act.span, left: act.left)
      }
      if number % 7 == 0 {
        let later = acts.filter { $0.span.to > act.span.to }.map(\.span.from).min()
        flush(before: min(later ?? act.span.to, act.span.to))
      }
    }
    flush(before: nil)

    var expected: [String: Int64] = [:]
    let walk = HalfWalk(ios, rows, hostRows, acts)
    for (number, io) in ios.enumerated() where io.submitCPUWait.isSeen {
      for half in [Hop.virtioSubmit, .virtioReturn] {
        for (part, time) in walk.parts(number, half) where time != 0 {
          expected["\(io.request) \(half) \(part)", default: 0] += time
        }
      }
    }
    #expect(found == expected)
    for kind in HalfPartNames.Actor.allCases.map({ "busy_others:\($0.word)" }) + [
      "cpu_wait", "busy:vcpu", "busy:host_thread", "asleep:vcpu", "asleep:host_thread",
      "blocked:vcpu", "blocked:host_thread", "clock",
    ] {
      #expect(found.keys.contains { $0.contains(" \(kind)") }, "\(kind)")
    }
  }

  /// One half at a time, out of all that the threads did, from border to border.
  private struct HalfWalk {
    private let ios: GuestIOs
    private let rows: [BlockRequest]
    private let hostRows: [BlockRequest]
    private let acts: [Int64: [Act]]

    init(
      _ ios: GuestIOs, _ rows: [BlockRequest], _ hostRows: [BlockRequest], _ acts: [Act]
    ) {
      (self.ios, self.rows, self.hostRows) = (ios, rows, hostRows)
      self.acts = Dictionary(grouping: acts.sorted { $0.span.from < $1.span.from }, by: \.thread)
    }

    private func span(_ number: Int, _ half: Hop) -> Span {
      let (times, at) = (ios[number].times, ios[number].reference.rawValue)
      return Span(
        from: times.begin(of: half, from: at) ?? 0, to: times.end(of: half, from: at) ?? 0)
    }

    private func worker(_ number: Int) -> Int64 { hostRows[number].task == 2 ? 202 : 201 }

    private func vcpu(_ number: Int, _ half: Hop) -> Int64? {
      let cpu = half == .virtioSubmit ? rows[number].issuedCPU : rows[number].completedCPU
      return cpu < 0 ? nil : Int64(101 + cpu)
    }

    /// `wait NAME`, `ran`, `asleep`, `blocked`, or nothing.
    private func state(_ thread: Int64?, at moment: Int64) -> String {
      guard let thread, let own = acts[thread] else { return "" }
      if let act = own.first(where: { $0.span.from <= moment && moment < $0.span.to }) {
        return act.culprit.map { "wait \($0)" } ?? "ran"
      }
      let last = own.last { $0.span.to <= moment }
      switch last?.left {
      case .sleeping?: return "asleep"
      case .blocked?: return "blocked"
      default: return ""
      }
    }

    /// When the same thread did it for another I/O, before it did for this one.
    private func others(_ number: Int, _ half: Hop) -> Int64 {
      let end = span(number, half).to
      return ios.indices.filter { other in
        guard ios[other].submitCPUWait.isSeen, span(other, half).to < end else { return false }
        return half == .virtioSubmit
          ? worker(other) == worker(number)
          : vcpu(number, half) != nil && vcpu(other, half) == vcpu(number, half)
      }.map { span($0, half).to }.max() ?? .min
    }

    private static func label(_ state: String, _ actor: String) -> String {
      if state.hasPrefix("wait ") {
        let name = HopPartTests.names[Int(state.dropFirst(5)) ?? 0]
        return "\(name.label) \(name.name ?? "")"
      }
      return state == "ran" ? "busy:\(actor) " : "\(state):\(actor) "
    }

    func parts(_ number: Int, _ half: Hop) -> [(String, Int64)] {
      let (span, others, isBack) = (span(number, half), others(number, half), half == .virtioReturn)
      let (worker, vcpu) = (worker(number), vcpu(number, half))
      let borders =
        [worker, vcpu].compactMap { $0.flatMap { acts[$0] } }.joined()
        .flatMap { [$0.span.from, $0.span.to] } + [others, span.to - 350_000]
      var moments = Set(borders.filter { $0 > span.from && $0 < span.to })
      moments.formUnion([span.from, span.to])
      let ordered = moments.sorted()
      var (isAwake, isReaping, isDone, bound) = (false, false, false, Int64(350_000))
      var found: [(String, Int64)] = []
      for (from, to) in zip(ordered, ordered.dropFirst()) {
        let (doing, own) = (state(worker, at: from), state(vcpu, at: from))
        let length = to - from
        isAwake = isAwake || doing == "ran" || doing.hasPrefix("wait")
        isReaping = isReaping || doing == "ran"
        isDone = isDone || isReaping && (doing == "asleep" || doing == "blocked")
        func add(_ state: String, _ actor: String, _ length: Int64, isOthers: Bool = false) {
          guard !state.isEmpty else { return }
          let label = Self.label(state, actor)
          found.append((isOthers && state == "ran" ? "busy_others:\(actor) " : label, length))
        }
        if !isBack {
          if isAwake {
            add(doing, "host_thread", length, isOthers: from < others)
          } else if own == "asleep" || own == "blocked" {
            let part = min(bound, length)
            bound -= part
            found.append(("clock ", part))
            add(own, "vcpu", length - part)
          } else {
            add(own, "vcpu", length)
          }
        } else if own.hasPrefix("wait"), isDone || isReaping && doing == "ran" {
          add(own, "vcpu", length)
        } else if isDone, own == "ran" {
          add(own, "vcpu", length, isOthers: from < others)
        } else if !isDone || doing == "ran" || doing.hasPrefix("wait") {
          add(doing, "host_thread", length)
        } else if own == "asleep" || own == "blocked" {
          if from >= span.to - 350_000 {
            found.append(("clock ", length))
          } else {
            add(own, "vcpu", length)
          }
        }
      }
      return found
    }
  }

  // MARK: - Devices

  @Test("a device works for whom it finishes next", arguments: 1...8)
  func devices(seed: Int) {
    var generator = SeededGenerator(seed: UInt64(100 + seed))
    var rows: [BlockRequest] = []
    for number in 0..<60 {
      var row = Self.row(number, task: Int32.random(in: 0...2, using: &generator))
      let queued = Int64.random(in: 0...400, using: &generator)
      let issued = queued + Int64.random(in: 0...20, using: &generator)
      row.queued = Stamp(queued)
      row.issued = Stamp(issued)
      row.completed = Stamp(issued + Int64.random(in: 1...120, using: &generator))
      rows.append(row)
    }
    let users = DeviceUsers(BlockRequests(rows)) { _, row in
      row.task == 0 ? .own : .other("\(row.task)", isGuest: false)
    }
    let parts = DeviceParts(users) { user in
      if case .other(let name, _) = user { return Int(name) ?? 0 }
      return 0
    }
    for row in rows {
      var waiting = [Int64](repeating: 0, count: 3)
      var meanwhile = waiting
      let (queued, issued) = (row.queued.rawValue, row.issued.rawValue)
      let completed = row.completed.rawValue
      for moment in queued..<completed {
        let open = rows.filter { $0.issued.rawValue <= moment && $0.completed.rawValue > moment }
        guard
          let next = open.min(by: {
            ($0.completed.rawValue, $0.issued.rawValue)
              < ($1.completed.rawValue, $1.issued.rawValue)
          })
        else { continue }
        if moment < issued {
          waiting[Int(next.task)] += 1
        } else if next.completed.rawValue < completed {
          meanwhile[Int(next.task)] += 1
        }
      }
      var found = ([Int64](repeating: 0, count: 3), [Int64](repeating: 0, count: 3))
      parts.lay(
        waiting: Span(from: queued, to: issued), atDevice: Span(from: issued, to: completed)
      ) { isWaiting, column, time in
        if isWaiting { found.0[column] += time } else { found.1[column] += time }
      }
      #expect(found.0 == waiting && found.1 == meanwhile)
    }
  }

  // MARK: - Sums

  private static func parts(
    covered: (GuestIO) -> Bool
  ) throws -> (parts: PhaseParts, excess: PhaseExcess) {
    var ios = GuestIOs()
    for number in 0..<2_000 {
      let moment = Int64(number) * 5_000_000
      let isLate = moment >= 5 * second
      var io = Self.io(
        number, at: moment, number % 4 == 0 ? .read : .write,
        [
          .virtioSubmit: 20_003 + Int64(number % 7) * 101,
          .virtioReturn: (isLate ? 300_007 : 30_001) + Int64(number % 11) * 13,
        ])
      if covered(io) { (io.submitCPUWait, io.returnCPUWait) = (Stamp(0), Stamp(0)) }
      ios.append(io)
    }
    let population = PhasePopulation(guest: "web1", [("254,0", ios)])
    let membership = try #require(PhaseMembership(population, phases))
    let column = PartSums.Column(hop: .virtioReturn, part: names[0])
    var sums = PartSums([column], devices: 1, membership)
    population.forEach { device, moment, io in
      sums.count(io, device: device, at: moment) { _ in io.returnCPUWait.isSeen }
      guard io.returnCPUWait.isSeen, moment >= 5 * second else { return }
      sums.add(200_001, column: 0, io, device: device, at: moment)
    }
    let excess = PhaseExcess(population, phases)
    return (PhaseParts(sums, excess), excess)
  }

  @Test("the parts of a hop add up to it in the baseline and in the phase")
  func sums() throws {
    let (parts, excess) = try Self.parts { _ in true }
    for operation in [BlockOperation.read, .write, nil] {
      let own = parts.rows.filter { $0.hop.operation == operation && $0.hop.device == nil }
      let hop = try #require(
        excess.rows.first {
          $0.operation == operation && $0.device == nil && $0.hop == .virtioReturn
        })
      try #require(own.map(\.part) == [Self.names[0], HopPart(.unattributed)])
      #expect(own.map(\.baselineMean).reduce(0, +) == hop.baselineMean)
      #expect(own.map(\.mean).reduce(0, +) == hop.mean)
      #expect(own[0].baselineMean == 0 && own[0].mean == 200_001)
      let interval = try #require(own[0].interval)
      #expect(interval.low <= 200_001 && interval.high >= 200_001)
      #expect(own.allSatisfy { $0.baselineMean >= 0 && $0.mean >= 0 })
    }
    let deltas = parts.deltas(.cpuWait, of: [.virtioSubmit, .virtioReturn], phase: 1)
    #expect(deltas == [Self.names[0]: 200_001])
  }

  @Test("where a trace covers some of the I/Os, a hop is shared out as theirs; too few say nothing")
  func cover() throws {
    let (some, excess) = try Self.parts { $0.request % 2 == 0 }
    let hop = try #require(
      excess.rows.first { $0.operation == nil && $0.device == nil && $0.hop == .virtioReturn })
    let own = some.rows.filter { $0.hop.operation == nil && $0.hop.device == nil }
    try #require(own.map(\.part) == [Self.names[0], HopPart(.unattributed)])
    #expect(own.map(\.mean).reduce(0, +) == hop.mean)
    #expect(abs(own[0].mean - 200_001) < 200)
    // The trace begins behind the baseline.
    let none = try Self.parts { $0.reference.rawValue >= 4_500_000_000 }
    #expect(none.parts.rows.isEmpty)
  }
}
