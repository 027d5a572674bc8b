internal import TraceCorrelation
internal import TraceModel
internal import TraceStore

/// On which CPUs of a host the guests' threads ran, and those of others for which they waited most.
struct NeighbourPlaces: CorrelationPass {
  static let fills = ["thread_place"]

  /// From which part of a trace's time on the guests' threads, together, waited for a thread.
  private static let least = 0.01
  /// Threads of a trace at most, those that were waited for most.
  private static let most = 256

  init(_: CorrelationContext) {}

  func write(to writer: CorrelationWriter, _ context: CorrelationContext) throws {
    let rows = try context.file.rows(
      """
      SELECT source_id, culprit_thread_id FROM (
        SELECT culprit.source_id, culprit_thread_id, sum(wait_ns) AS waited_ns,
          row_number() OVER (PARTITION BY culprit.source_id ORDER BY sum(wait_ns) DESC, culprit_thread_id) AS place
        FROM culprit
        WHERE culprit_guest IS NULL AND class IN \(Evidence.list([CulpritClass.host, .guest]))
          AND victim_role IN \(Evidence.list(ThreadRole.awaited))
        GROUP BY culprit.source_id, culprit_thread_id)
      JOIN source USING (source_id)
      WHERE place <= \(Self.most) AND waited_ns >= \(Self.least) * (last_ns - first_ns)
      """)
    let neighbours = Dictionary(grouping: rows) { $0.integer("source_id") ?? 0 }
    for trace in context.threads.traces where trace.machine.layer == .host {
      let others = (neighbours[trace.source] ?? []).compactMap { $0.integer("culprit_thread_id") }
      for thread in Set(trace.extents.keys).union(others).sorted() {
        for cpu in trace.cpus[thread]?.sorted ?? [] {
          try writer.add(
            to: "thread_place", ["thread_id": .integer(thread), "cpu": .integer(Int64(cpu))])
        }
      }
    }
  }
}
