public import TraceStore

/// An incident as a trace for ui.perfetto.dev and trace_processor.
///
/// Protocol buffers rather than Chrome's JSON: times stay whole nanoseconds, tracks have parents, and either
/// tool reads a file of any length without holding its text. What is written is a list of packets, so it goes
/// out I/O by I/O.
public enum PerfettoTrace {
  /// Writes it, piece by piece. Throws ``StoreError``, and what `write` throws.
  public static func write(
    _ file: IncidentFile, to write: @escaping ([UInt8]) throws -> Void
  ) throws {
    let earliest = try file.rows(
      """
      SELECT min(at) AS at FROM (
        SELECT min(coalesce(reference_ns, queued_at_ns) - coalesce(page_cache_ns, 0)) AS at FROM io
        UNION ALL SELECT min(at_ns) FROM queue_depth
        UNION ALL SELECT min(at_ns) FROM steal
        UNION ALL SELECT min(first_ns + coalesce(offset_ns, 0)) FROM source LEFT JOIN (
          SELECT source_id, min(offset_ns) AS offset_ns FROM clock GROUP BY source_id)
          USING (source_id)
          WHERE source_id IN (SELECT source_id FROM thread_wait WHERE role = 'vcpu'))
      """
    ).first?.integer("at")
    // A second more, for what drift and an uncertain begin may add.
    let shift = max(0, -(earliest ?? 0)) + ((earliest ?? 0) < 0 ? 1_000_000_000 : 0)
    let events = TrackEvents(shift: shift, write: write)
    let root = try events.track("hiddenq")
    try events.instant("0 of the reference timeline", on: root, at: 0)
    try IOTracks.write(file, to: events)
    try VCPUTracks.write(file, to: events)
    try CounterTracks.write(file, to: events)
  }
}
