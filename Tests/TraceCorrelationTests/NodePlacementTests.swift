import Testing
import TraceModel

@testable import TraceCorrelation

/// Time on memory nodes, and moves between them.
struct NodePlacementTests {
  private static func stay(_ thread: Int64, cpu: Int32, at began: Int64, run: Int64) -> ThreadSlice
  {
    var slice = ThreadSlice()
    slice.thread = thread
    slice.cpu = cpu
    slice.began = began
    slice.run = run
    return slice
  }

  @Test("time counts where it ran, moves only from node to node and only of virtual CPUs")
  func runAndMoves() {
    var placement = NodePlacement(nodes: [0: 0, 1: 0, 2: 1, 3: 1], threads: [7: true, 8: false])
    for slice in [
      Self.stay(7, cpu: 0, at: 100, run: 10), Self.stay(7, cpu: 1, at: 200, run: 20),
      Self.stay(8, cpu: 0, at: 210, run: 5), Self.stay(7, cpu: 3, at: 300, run: 40),
      Self.stay(8, cpu: 2, at: 310, run: 6), Self.stay(9, cpu: 2, at: 320, run: 1000),
      Self.stay(7, cpu: 2, at: 400, run: .min), Self.stay(7, cpu: 0, at: 500, run: 80),
      // A CPU of which no file says the node.
      Self.stay(7, cpu: 9, at: 600, run: 160),
    ] {
      placement.add(slice)
    }
    #expect(placement.run == [7: [0: 110, 1: 40], 8: [0: 5, 1: 6]])
    #expect(
      placement.moves == [
        NodePlacement.Move(thread: 7, at: 300, from: 0, to: 1),
        NodePlacement.Move(thread: 7, at: 500, from: 1, to: 0),
      ])
  }
}
