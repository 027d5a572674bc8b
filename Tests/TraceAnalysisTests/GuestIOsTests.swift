import Testing
import TraceModel

@testable import TraceAnalysis
@testable import TraceCorrelation

/// What is packed comes back as it went in.
@Suite("Packed I/Os and matches")
struct GuestIOsTests {
  /// Mostly what a trace holds, now and then what fits into no 32 bits.
  private static func time(_ random: inout SeededGenerator) -> Stamp {
    switch random.index(below: 12) {
    case 0: .unseen
    case 1: Stamp(Stamp.range.upperBound)
    case 2: Stamp(Stamp.range.lowerBound)
    case 3: Stamp(Int64(Int32.min))
    case 4: Stamp(Int64(Int32.max) + 1)
    default: Stamp(.random(in: -1_000...900_000_000, using: &random))
    }
  }

  /// Each field is far from the usual in one of so many I/Os.
  private static func io(_ number: Int, _ random: inout SeededGenerator) -> GuestIO {
    func isOdd(_ random: inout SeededGenerator) -> Bool { random.index(below: 40) == 0 }
    var io = GuestIO()
    io.request = isOdd(&random) ? .random(in: .min ... .max, using: &random) : Int64(number)
    io.sector = isOdd(&random) ? -1 : .random(in: 0 ... .max, using: &random)
    io.sectors = isOdd(&random) ? .max : 8
    io.rwbs = RWBS(rawValue: .random(in: 0 ... .max, using: &random))
    io.operation = BlockOperation.allCases.randomElement(using: &random) ?? .other
    io.isLeading = .random(using: &random)
    io.grade = MatchGrade.allCases.randomElement(using: &random) ?? .exact
    io.reason = isOdd(&random) ? UnmatchedReason.allCases.randomElement(using: &random) : nil
    let queued = Int64.random(in: 0...1 << 60, using: &random)
    if !isOdd(&random) { io.queued = Stamp(queued) }
    if !isOdd(&random) { io.completed = Stamp(queued + 1_000_000) }
    if !isOdd(&random) { io.reference = Stamp(queued - 1_000_000_000_000) }
    let isThroughQEMU = Bool.random(using: &random)
    for hop in Hop.measured {
      let isOther = (isThroughQEMU ? Hop.onHost : Hop.throughQEMU).contains(hop)
      if !isOther || isOdd(&random) {
        io.times[hop] = isOdd(&random) ? time(&random) : Stamp(Int64(number))
      }
    }
    if random.index(below: 5) == 0 { (io.times.driver, io.times[.block]) = (Stamp(7), .unseen) }
    if isOdd(&random) { io.times.driver = time(&random) }
    for place in [\GuestIO.flush, \.requeue, \.submitCPUWait, \.returnCPUWait, \.deferred]
    where isOdd(&random) { io[keyPath: place] = time(&random) }
    io.clockError = isOdd(&random) ? time(&random) : Stamp(250)
    io.hostRequests = isOdd(&random) ? 1 << 20 : 1
    io.hostRequest = isOdd(&random) ? nil : isOdd(&random) ? .max : Int64(3 * number)
    io.deferredRequest = isOdd(&random) ? .min : nil
    return io
  }

  @Test("an I/O comes back as it went in, however odd", arguments: 1...4 as ClosedRange<UInt64>)
  func ios(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    var plain = (0..<3_000).map { Self.io($0, &random) }
    var packed = GuestIOs(plain)
    func expectSame() {
      #expect(packed.count == plain.count)
      for (one, other) in zip(packed, plain) { #expect("\(one)" == "\(other)") }
    }
    expectSame()
    // What passes fill in later, and what replaces an odd one.
    for place in plain.indices where place % 3 == 0 {
      plain[place].submitCPUWait = Stamp(Int64(place))
      packed[place].submitCPUWait = Stamp(Int64(place))
      plain[place].times[.pageCache] = Self.time(&random)
      packed[place].times[.pageCache] = plain[place].times[.pageCache]
    }
    for place in plain.indices where place % 7 == 0 {
      plain[place] = Self.io(place, &random)
      packed[place] = plain[place]
    }
    plain.append(Self.io(9, &random))
    packed.append(plain[plain.count - 1])
    expectSame()
  }

  @Test("a match comes back as it went in")
  func matches() {
    var random = SeededGenerator(seed: 5)
    var plain = [RequestMatching.Match?](repeating: nil, count: 200)
    var packed = MatchList(count: plain.count)
    for _ in 0..<1_000 {
      let place = random.index(below: plain.count)
      let pieces = (0..<random.index(below: 4)).map { _ in Int32(random.index(below: 99)) }
      let grade = MatchGrade.allCases.randomElement(using: &random) ?? .exact
      plain[place] =
        random.index(below: 5) == 0
        ? nil : RequestMatching.Match(grade: grade, pieces: PieceList(pieces))
      packed[place] = plain[place]
    }
    for (one, other) in zip(packed, plain) {
      #expect(one?.grade == other?.grade)
      #expect(one.map { Array($0.pieces) } == other.map { Array($0.pieces) })
    }
  }
}
