internal import TraceModel
public import TraceStore

/// I/Os that a person asks about, instead of the slowest: a rectangle of time and latency.
public struct SlowSelection: Sendable {
  /// When they were queued, ns on the timeline of the guests; nil for any time.
  public var span: Range<Int64>?
  /// How long they took from Q to C, ns.
  public var times: ClosedRange<Int64>

  /// A rectangle.
  public init(span: Range<Int64>? = nil, times: ClosedRange<Int64> = 0...Int64.max) {
    (self.span, self.times) = (span, times)
  }

  func holds(at moment: Int64, time: Int64) -> Bool {
    (span?.contains(moment) ?? true) && times.contains(time)
  }

  /// Runs a body while the views of the file tell what these I/Os of each disk share, instead of the slowest. All is
  /// correlated anew for that, and nothing is written.
  public func telling<Value>(_ file: IncidentFile, _ body: () throws -> Value) throws -> Value {
    let context = try CorrelationContext(file)
    context.slowSelection = self
    for pass in [BlockJoin.self, QEMUCorrelation.self] as [any CorrelationPass.Type] {
      _ = try pass.init(context)
    }
    let traits = try TraitCorrelation(context)
    return try file.withFound(Set(TraitCorrelation.fills)) { writer in
      try traits.write(to: writer, context)
    } _: {
      try body()
    }
  }
}
