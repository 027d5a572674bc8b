internal import TraceModel
public import TraceStore

/// Runs the correlation over an incident file: reads its requests, joins them, and writes what was found.
public struct Correlation {
  /// What is found, in this order: a pass may use what those before it found. A new kind of result is a pass of its own.
  static let passes: [any CorrelationPass.Type] = [
    BlockJoin.self, QEMUCorrelation.self, PageCacheCorrelation.self, SchedulingCorrelation.self,
    PlacementCorrelation.self, NetworkCorrelation.self, GuestCPUCorrelation.self,
    PauseCorrelation.self, QueueCorrelation.self, LimitCorrelation.self, PhaseCorrelation.self,
    DrillDownCorrelation.self, CauseCorrelation.self, CounterPhaseCorrelation.self,
    EsxCorrelation.self,
    NeighbourCorrelation.self,
    NeighbourPlaces.self,
    SwappedSearch.self,
    RecordedClockCheck.self, SessionClocks.self, IntervalCorrelation.self,
    VirtioPartCorrelation.self, TraitCorrelation.self,
    AvoidableWaitCorrelation.self,
  ]

  /// Those that tell what changed: the only ones for which it matters what a person named.
  private static let telling: [any CorrelationPass.Type] = [
    PhaseCorrelation.self, CauseCorrelation.self, CounterPhaseCorrelation.self,
  ]

  /// Correlates when sources came in since the last time, or when told to, and runs the rules over what
  /// was found; thresholds by name replace their standard ones. The windows that a person named, by guest, are asked for
  /// when the clocks are written, since dates can be read by then; nil: nobody named any.
  public static func run(
    _ file: IncidentFile, always: Bool = false, thresholds: [String: Double] = [:],
    windows: (() throws -> [String: NamedWindows])? = nil
  ) throws {
    guard try always || file.needsCorrelation() else { return }
    try file.requirePossibleTimes()
    try file.workOutCounterSteps()
    try file.holdEsxRows()
    let context = try CorrelationContext(file)
    let found = try passes.map { try $0.init(context) }
    func findings() throws -> [Finding] {
      // Their places on the timeline are known from now on.
      if try file.hasEsxClocks() { try file.holdEsxRows() }
      let slices = DiskSlices.all(context)
      return try Findings.find(in: file, thresholds: thresholds) { slices }
    }
    try file.replaceCorrelation(
      { writer in for pass in found { try pass.write(to: writer, context) } },
      findings: windows == nil ? findings : nil)
    guard let windows else { return }
    context.windows = try windows()
    let told = try telling.map { try $0.init(context) }
    try file.replaceCorrelation(
      only: tellingTables, { writer in for pass in told { try pass.write(to: writer, context) } },
      findings: findings)
  }

  private static var tellingTables: Set<String> { Set(telling.flatMap { $0.fills }) }

  /// Runs a body while the views of the file tell what changed as if windows had been named for its guests. All is
  /// correlated anew for that, and nothing is written.
  public static func telling<Value>(
    _ file: IncidentFile, _ windows: [String: NamedWindows], _ body: () throws -> Value
  ) throws -> Value {
    let context = try CorrelationContext(file)
    context.windows = windows
    let tables = tellingTables
    let found = try passes.map { (try $0.init(context), !tables.isDisjoint(with: $0.fills)) }
    return try file.withFound(tables) { writer in
      for (pass, tells) in found where tells { try pass.write(to: writer, context) }
    } _: {
      try body()
    }
  }
}
