import Testing
import TraceModel

@testable import TraceCorrelation

/// Depths counted at a queue's two ends.
struct QueueDepthTests {
  private func stay(_ from: Int64?, _ to: Int64?) -> QueueDepth.Stay {
    QueueDepth.Stay(
      entered: from.map { Stamp($0 * 1_000_000) } ?? .unseen,
      left: to.map { Stamp($0 * 1_000_000) } ?? .unseen)
  }

  @Test("one after the other: the depth is the time in the queue over the time that passed")
  func alone() throws {
    // 240 ms and 1 ms an interval.
    let stays = (0..<120).map { stay(Int64(2 * $0), Int64(2 * $0 + 1)) }
    let depth = try #require(QueueDepth(stays, last: 239_000_000))
    #expect(depth.intervals.count == 240)
    #expect(depth.intervals.allSatisfy { $0.length == 1_000_000 })
    #expect(depth.intervals[0].mean == 1)
    #expect(depth.intervals[1].mean == 0)
    #expect(depth.intervals[1].residual == nil)
    #expect(depth.intervals.reduce(0) { $0 + $1.arrivals } == 120)
    #expect(depth.intervals.allSatisfy { $0.residual ?? 0 == 0 })
  }

  @Test("Little's law: depth is arrivals times time, and both agree on a whole trace")
  func little() throws {
    let stays = (0..<1000).map { stay(Int64($0), Int64($0) + 7) }
    let depth = try #require(QueueDepth(stays, last: 0))
    for interval in depth.intervals.dropFirst(3).dropLast(3) {
      #expect(interval.mean == 7)
      #expect(interval.greatest == 8)
      #expect(Double(interval.arrivals) == Double(interval.length) / 1e6)
      #expect(interval.residual == 0)
    }
  }

  @Test("a request without its other end is in the depth, and in what no pair accounts for")
  func incomplete() throws {
    let whole = (0..<100).map { stay(Int64($0), Int64($0) + 1) }
    // One that was there before the trace until 50, one that never left.
    let depth = try #require(
      QueueDepth(whole + [stay(nil, 50), stay(60, nil)], last: 100_000_000))
    #expect(depth.intervals[10].mean == 2)
    #expect(depth.intervals[10].residual == 0.5)
    #expect(depth.intervals[55].mean == 1)
    #expect(depth.intervals[55].residual == 0)
    #expect(depth.intervals[80].residual == 0.5)
  }

  @Test("a queue that the trace shows from one side only is not told of")
  func notSeen() {
    #expect(QueueDepth([stay(nil, 5), stay(nil, 9)], last: 10) == nil)
    #expect(QueueDepth([], last: 10) == nil)
  }

  @Test(
    "however long the trace, there are some hundreds of intervals", arguments: [1, 100, 86_400])
  func bounded(_ seconds: Int64) throws {
    let depth = try #require(
      QueueDepth([stay(0, 1), stay(seconds * 1000 - 1, seconds * 1000)], last: 0))
    #expect(depth.intervals.count > 90 && depth.intervals.count <= 241)
  }

  @Test("fewer intervals hold the same time in the queue", arguments: [1, 4, 100])
  func fewer(_ most: Int) throws {
    let stays = (0..<120).map { stay(Int64(2 * $0), Int64(2 * $0 + 1)) }
    let depth = try #require(QueueDepth(stays, last: 240_000_000, most: most))
    #expect((1...most + 1).contains(depth.intervals.count))
    let held = depth.intervals.reduce(0.0) {
      $0 + $1.mean * Double(min($1.length, 240_000_000 - $1.at))
    }
    #expect(abs(held - 120_000_000) < 1)
    #expect(depth.intervals.reduce(0) { $0 + $1.arrivals } == 120)
  }
}

/// Times in which nothing left a queue.
struct QueueStallTests {
  private func stay(_ from: Int64?, _ to: Int64?) -> QueueDepth.Stay {
    QueueDepth.Stay(
      entered: from.map { Stamp($0 * 1_000_000) } ?? .unseen,
      left: to.map { Stamp($0 * 1_000_000) } ?? .unseen)
  }

  @Test("from the last that left to the next, with those that were in it and those that came")
  func between() throws {
    let stays = [stay(0, 10), stay(5, 80), stay(30, 81), stay(40, 82), stay(200, 205)]
    let queue = try #require(QueueDepth(stays, last: 300_000_000))
    #expect(
      queue.stalls == [
        QueueStall(at: 10_000_000, length: 70_000_000, held: 1, joined: 2, isOpen: false)
      ])
  }

  @Test("an empty queue does not stall, and one whose end was lost does not make it stall")
  func empty() throws {
    let busy = (0..<400).map { stay(Int64($0), Int64($0) + 1) }
    let late = (600..<700).map { stay(Int64($0), Int64($0) + 1) }
    let queue = try #require(QueueDepth(busy + [stay(50, nil)] + late, last: 700_000_000))
    #expect(queue.stalls.isEmpty)
  }

  @Test("a device that never answers again is in a stall that is open at the end of the trace")
  func open() throws {
    let busy = (0..<400).map { stay(Int64($0), Int64($0) + 1) }
    let queue = try #require(
      QueueDepth(busy + [stay(401, nil), stay(450, nil)], last: 900_000_000))
    #expect(
      queue.stalls == [
        QueueStall(at: 401_000_000, length: 499_000_000, held: 1, joined: 1, isOpen: true)
      ])
  }
}
