import Testing
import TraceModel

struct HopTimesTests {
  @Test("each measured hop keeps its own time, and the sums add them up")
  func sums() throws {
    for (index, hop) in Hop.measured.enumerated() { #expect(hop.index == index) }
    let times = HopTimes { Stamp(1 << $0) }
    for (index, hop) in Hop.measured.enumerated() { #expect(times[hop] == Stamp(1 << index)) }
    let (submit, back) = (times[.virtioSubmit].rawValue, times[.virtioReturn].rawValue)
    #expect(times[.virtioQueue] == Stamp(submit + back))
    #expect(times[.total] == Stamp(times[.block].rawValue + times[.pageCache].rawValue))
    #expect(!times[.belowGuest].isSeen, "the host's hops are known")
    #expect(times.isObserved && times.isWhole)
  }

  @Test("a sum of which a part was not observed is not observed")
  func unseen() {
    var times = HopTimes()
    for hop in Hop.allCases { #expect(!times[hop].isSeen) }
    #expect(!times.isObserved && !times.isWhole)
    times[.virtioSubmit] = Stamp(5)
    #expect(!times[.virtioQueue].isSeen)
    times = HopTimes()
    times.driver = Stamp(7)
    #expect(times[.belowGuest] == Stamp(7) && times.isWhole)
    times[.block] = Stamp(10)
    times[.guestScheduler] = Stamp(4)
    #expect(times[.belowGuest] == Stamp(6) && times[.total] == Stamp(10))
    times[.hostScheduler] = Stamp(1)
    #expect(!times[.belowGuest].isSeen)
  }

  @Test("a part begins where the one before ends; without a Q the way begins with D")
  func moments() {
    var times = HopTimes { Stamp(10 * (Int64($0) + 1)) }
    var moment: Int64 = 1_000
    for hop in Hop.blockParts {
      #expect(times.begin(of: hop, from: 1_000) == moment)
      moment += times[hop].rawValue
      #expect(times.end(of: hop, from: 1_000) == moment)
    }
    #expect(times.begin(of: .virtioSubmit, from: 1_000) == 1_020)
    times[.guestScheduler] = .unseen
    #expect(times.begin(of: .virtioSubmit, from: 1_000) == 1_000)
    times[.hostScheduler] = .unseen
    #expect(times.begin(of: .virtioReturn, from: 1_000) == nil)
    // Followed by QEMU's own trace: the host's hops are no part of the way.
    times[.hardwareQueue] = .unseen
    let way = [Hop.virtioSubmit, .qemu, .backend].reduce(Int64(0)) { $0 + times[$1].rawValue }
    #expect(times.begin(of: .virtioReturn, from: 1_000) == 1_000 + way)
    // And the other way round.
    times[.backend] = .unseen
    #expect(times.begin(of: .virtioReturn, from: 1_000) == nil)
    times[.hostScheduler] = Stamp(7)
    times[.hardwareQueue] = Stamp(8)
    times[.qemu] = .unseen
    #expect(
      times.begin(of: .virtioReturn, from: 1_000) == 1_015 + times[.virtioSubmit].rawValue)
    #expect(times.end(of: .virtioSubmit, from: Stamp.range.upperBound) == Stamp.range.upperBound)
    #expect(times.begin(of: .total, from: 0) == nil)
  }

  @Test("names, letters, marks and words differ from hop to hop")
  func names() {
    func areDifferent(_ texts: [String]) -> Bool { Set(texts).count == texts.count }
    #expect(areDifferent(Hop.allCases.map(\.name)))
    #expect(areDifferent(Hop.allCases.map(\.title)))
    #expect(areDifferent(Hop.allCases.map(\.tableName)))
    #expect(areDifferent(Hop.allCases.map(\.place)))
    #expect(areDifferent(Hop.parts.map(\.mark)))
    #expect(areDifferent(Hop.parts.map { String($0.letter) }))
    #expect(Hop.place(of: "hardware_queue") == "the hardware queue (H5)")
    #expect(Hop.place(of: "seventh") == "seventh")
  }
}
