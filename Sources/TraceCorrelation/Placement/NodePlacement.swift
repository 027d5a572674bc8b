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
  public var run: [Int64: [Int64: Int64]] {
    var run: [Int64: [Int64: Int64]] = [:]
    for (thread, watched) in zip(places.threads, watched) {
      for (node, time) in zip(nodes, watched.times) {
        if let time { run[thread, default: [:]][node] = time }
      }
    }
    return run
  }
  /// Moves of the threads that are watched for them, in the order of time within each thread.
  public private(set) var moves: [Move] = []

  private let nodes: [Int64]
  /// By CPU, the place of its node; -1 where no file says it.
  private var cpus: [Int] = []
  private let places: ThreadPlaces
  /// By the thread's place.
  private var watched: [Watched]

  private struct Watched {
    let keepsMoves: Bool
    /// By the node's place, ns; nil where it did not run.
    var times: [Int64?]
    /// Where it began to run last.
    var node: Int?
  }

  /// `nodes`: the node of each CPU; `threads`: those that count, true for those whose moves are kept.
  public init(nodes nodeOfCPU: [Int64: Int64], threads: [Int64: Bool]) {
    nodes = Set(nodeOfCPU.values).sorted()
    places = ThreadPlaces(of: threads.keys)
    let numbers = Dictionary(uniqueKeysWithValues: nodes.enumerated().map { ($1, $0) })
    for (cpu, node) in nodeOfCPU where (0..<1 << 16).contains(cpu) {
      while cpus.count <= Int(cpu) { cpus.append(-1) }
      cpus[Int(cpu)] = numbers[node] ?? -1
    }
    let times = [Int64?](repeating: nil, count: nodes.count)
    watched = threads.values.map { Watched(keepsMoves: $0, times: times) }
  }

  /// Takes a stay on a CPU; those of one thread must come in the order of time.
  public mutating func add(_ slice: ThreadSlice) {
    guard let place = places.known(slice.thread), cpus.indices.contains(Int(slice.cpu)) else {
      return
    }
    let node = cpus[Int(slice.cpu)]
    guard node >= 0 else { return }
    if slice.run != .min {
      watched[place].times[node] = (watched[place].times[node] ?? 0) + slice.run
    }
    guard watched[place].keepsMoves else { return }
    if let before = watched[place].node, before != node {
      moves.append(
        Move(thread: slice.thread, at: slice.began, from: nodes[before], to: nodes[node]))
    }
    watched[place].node = node
  }
}
