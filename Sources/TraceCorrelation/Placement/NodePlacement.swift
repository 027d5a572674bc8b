public import TraceModel

/// On which memory nodes threads of guests ran, and when virtual CPUs went from one to another.
public struct NodePlacement: Sendable {
  /// A virtual CPU's thread went to another node.
  public struct Move: Sendable, Equatable {
    /// The thread.
    public let thread: Int64
    /// When it began to run there, ns on the trace's clock.
    public let at: Int64
    /// The node it left.
    public let from: Int64
    /// The node it came to.
    public let to: Int64
  }

  /// ns by thread and node.
  public private(set) var run: [Int64: [Int64: Int64]] = [:]
  /// Moves of the threads that are watched for them, in the order of time within each thread.
  public private(set) var moves: [Move] = []

  private let nodes: [Int64: Int64]
  private let watched: [Int64: Bool]
  private var last: [Int64: Int64] = [:]

  /// `nodes`: the node of each CPU; `threads`: those that count, true for those whose moves are kept.
  public init(nodes: [Int64: Int64], threads: [Int64: Bool]) {
    self.nodes = nodes
    watched = threads
  }

  /// Takes a stay on a CPU; those of one thread must come in the order of time.
  public mutating func add(_ slice: ThreadSlice) {
    guard let keepsMoves = watched[slice.thread], let node = nodes[Int64(slice.cpu)] else { return }
    if slice.run != .min { run[slice.thread, default: [:]][node, default: 0] += slice.run }
    guard keepsMoves else { return }
    if let before = last[slice.thread], before != node {
      moves.append(Move(thread: slice.thread, at: slice.began, from: before, to: node))
    }
    last[slice.thread] = node
  }
}
