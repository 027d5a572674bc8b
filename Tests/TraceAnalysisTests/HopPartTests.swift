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

  // MARK: - Waits for a CPU

  /// A wait of a thread behind somebody, or a stay on a CPU.
  private struct Act {
    let thread: Int64
    /// Nil for a stay.
    let culprit: Int64?
    let span: Span
  }

  @Test("waits are shared out as of each I/O alone, in whatever pieces they come", arguments: 1...8)
  func cpuWaits(seed: Int) throws {
    var generator = SeededGenerator(seed: UInt64(seed))
    // 101 and 102 are vCPUs, 201 and 202 serve the disk.
    var acts: [Act] = []
    for thread in [101, 102, 201, 202] as [Int64] {
      var at: Int64 = 0
      while at < 10 * Self.second {
        at += Int64.random(in: 1...40_000_000, using: &generator)
        let to = at + Int64.random(in: 1...60_000_000, using: &generator)
        // A wait has several parts, and ends with a stay mostly.
        let middle = Int64.random(in: at...to, using: &generator)
        let end = to + Int64.random(in: -2_000_000...10_000_000, using: &generator)
        for (culprit, span) in [
          (Int64.random(in: 0...2, using: &generator), Span(from: at, to: middle)),
          (Int64.random(in: 0...2, using: &generator), Span(from: middle, to: to)),
          (nil, Span(from: to, to: end)),
        ] where span.to > span.from {
          acts.append(Act(thread: thread, culprit: culprit, span: span))
        }
        at = max(to, end)
      }
    }
    var (ios, rows, hostRows): ([GuestIO], [BlockRequest], [BlockRequest]) = ([], [], [])
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
      ios.append(own)
      var row = Self.row(number)
      row.issuedCPU = Int32.random(in: -1...1, using: &generator)
      row.completedCPU = Int32.random(in: -1...1, using: &generator)
      rows.append(row)
      hostRows.append(Self.row(number, task: Int32.random(in: 0...2, using: &generator)))
    }
    let population = PhasePopulation(guest: "web1", [("254,0", ios)])
    let membership = try #require(PhaseMembership(population, Self.phases))
    let columns = [Hop.virtioSubmit, .virtioReturn].flatMap { hop in
      Self.names.map { PartSums.Column(hop: hop, part: $0) }
    }
    var sums = PartSums(columns, devices: 1, membership)
    population.forEach { device, moment, io in
      sums.count(io, device: device, at: moment) { _ in io.submitCPUWait.isSeen }
    }
    var threads = WaitOverlay.Threads()
    threads.vcpus = [0: 101, 1: 102]
    threads.workers = [11: 101, 12: 102, 21: 201, 22: 202]
    threads.fallback = 201
    let parts = CPUWaitParts(
      threads, known: Span(from: 0, to: 20 * Self.second), .own, population, Self.names, sums
    ) { Int($0.culprit) }
    parts.add(
      ios, device: 0,
      IOHalves(
        ios, BlockRequests(rows), HostThreads([BlockRequests(hostRows)], tids: [1: 21, 2: 22])))
    // In the order of their ends, now and then all that is over goes out.
    for (number, act) in acts.sorted(by: { $0.span.to < $1.span.to }).enumerated() {
      if let culprit = act.culprit {
        let pair = Culprits.Pair(victim: act.thread, culprit: culprit, occupant: .thread)
        parts.add(Culprits.Part(pair, place: Int(10 * act.thread + culprit), act.span))
      } else {
        parts.addStay(act.thread, act.span)
      }
      if number % 7 == 0 {
        let later = acts.filter { $0.span.to > act.span.to }.map(\.span.from).min()
        parts.flush(before: min(later ?? act.span.to, act.span.to), to: &sums)
      }
    }
    parts.flush(before: nil, to: &sums)

    for (place, phase) in [(2, 0), (1, 1)] {
      for operation in [BlockOperation.read, .write, nil] {
        for hop in [Hop.virtioSubmit, .virtioReturn] {
          var expected = [Double](repeating: 0, count: Self.names.count)
          for (number, io) in ios.enumerated()
          where (operation == nil || io.operation == operation) && io.submitCPUWait.isSeen
            && Self.phases[phase].core.contains(io.reference.rawValue)
          {
            let half = Span(
              from: io.times.begin(of: hop, from: io.reference.rawValue) ?? 0,
              to: io.times.end(of: hop, from: io.reference.rawValue) ?? 0)
            let cpu = hop == .virtioSubmit ? rows[number].issuedCPU : rows[number].completedCPU
            Self.add(
              half, vcpu: cpu < 0 ? nil : Int64(101 + cpu),
              worker: hostRows[number].task == 2 ? 202 : 201, acts, isBack: hop == .virtioReturn,
              to: &expected)
          }
          let level = sums.level(device: nil, operation: operation, place: place, hop: hop)
          let found = Self.names.map { name in
            let column = columns.firstIndex { $0 == .init(hop: hop, part: name) } ?? 0
            return level.batches.reduce(0) { $0 + $1.sums[column] }
          }
          #expect(found == expected)
          #expect(found.reduce(0, +) <= level.cover.known.time)
          #expect(found.reduce(0, +) > 0)
        }
      }
    }
  }

  /// Of one half: on the way in the vCPU's waits until the worker is awake, then the worker's; on the way back the
  /// worker's until it is on a CPU, then the vCPU's.
  private static func add(
    _ half: Span, vcpu: Int64?, worker: Int64, _ acts: [Act], isBack: Bool,
    to sums: inout [Double]
  ) {
    let met = acts.filter { $0.span.overlap(half) > 0 }
    let change =
      met.filter { $0.thread == worker && (!isBack || $0.culprit == nil) }
      .map { max(half.from, $0.span.from) }.min() ?? half.to
    let (first, second) = isBack ? (worker, vcpu) : (vcpu, worker)
    for (thread, span) in [
      (first, Span(from: half.from, to: change)), (second, Span(from: change, to: half.to)),
    ] {
      for act in met where act.thread == thread {
        guard let culprit = act.culprit else { continue }
        sums[Int(culprit)] += Double(act.span.overlap(span))
      }
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
    var ios: [GuestIO] = []
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
