public import TraceStore

/// Runs the correlation over an incident file: reads its requests, joins them, and writes what was found.
public struct Correlation {
  /// What is found, in this order: a pass may use what those before it found. A new kind of result is a pass of its own.
  static let passes: [any CorrelationPass.Type] = [
    BlockJoin.self, PageCacheCorrelation.self, SchedulingCorrelation.self,
    PlacementCorrelation.self, NetworkCorrelation.self, GuestCPUCorrelation.self,
    PauseCorrelation.self, QueueCorrelation.self, PhaseCorrelation.self, CauseCorrelation.self,
    CounterPhaseCorrelation.self, NeighbourCorrelation.self, SwappedSearch.self,
    RecordedClockCheck.self,
  ]

  /// Correlates when sources came in since the last time, or when told to, and runs the rules over what
  /// was found; thresholds by name replace their standard ones.
  public static func run(
    _ file: IncidentFile, always: Bool = false, thresholds: [String: Double] = [:]
  ) throws {
    guard try always || file.needsCorrelation() else { return }
    try file.requirePossibleTimes()
    try file.workOutCounterSteps()
    let context = try CorrelationContext(file)
    let found = try passes.map { try $0.init(context) }
    try file.replaceCorrelation { writer in
      for pass in found { try pass.write(to: writer, context) }
    } findings: {
      try Findings.find(in: file, thresholds: thresholds)
    }
  }
}
