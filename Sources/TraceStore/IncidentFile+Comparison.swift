internal import GRDB
internal import TraceModel

/// The I/Os of one guest disk in one trace, column by column: what a comparison of before and after reads.
/// A million of them take some 90 MB.
public struct DiskSamples: Sendable {
  /// The guest.
  public let guest: String
  /// Its disk, major,minor.
  public let device: String
  /// Whether its I/Os were joined with their host's.
  public let isJoined: Bool
  /// Q of each, or C where Q was not seen, in ns on the guest's trace clock.
  public fileprivate(set) var moments: [Int64] = []
  /// What each is for: ``BlockOperation`` by its raw value.
  public fileprivate(set) var operations: [UInt8] = []
  /// Length of each in sectors.
  public fileprivate(set) var sectors: [Int64] = []
  /// Whether the way of each is certain and whole, so that it counts in the hops.
  public fileprivate(set) var isWhole: [Bool] = []
  /// The hops of each in ns, ``Stamp/unseen`` where one was not observed: a column for each of ``hops``.
  public fileprivate(set) var columns: [[Int64]] = DiskSamples.hops.map { _ in [] }
  /// The greatest bound of the clock at those that count, ns; nil where no clock was crossed.
  public fileprivate(set) var clockError: Int64?

  /// The stored hops, as the views name them.
  public static let hops = [
    "page_cache", "guest_scheduler", "virtio_submit", "virtio_return", "host_scheduler",
    "hardware_queue", "block",
  ]

  /// How many.
  public var count: Int { moments.count }
}

extension IncidentFile {
  /// The I/Os of every guest disk, trace by trace, read in one pass.
  public func diskSamples() throws -> [DiskSamples] {
    try translating {
      try queue.read { db in
        var disks: [DiskSamples] = []
        var places: [Int64: Int] = [:]
        let streams = try Row.fetchAll(
          db,
          sql: """
            SELECT join_summary.guest_stream_id AS stream, machine.name AS guest,
              block_stream.device AS device, join_summary.verdict AS verdict
            FROM join_summary
            JOIN block_stream ON block_stream.stream_id = join_summary.guest_stream_id
            JOIN source_file USING (source_id)
            JOIN machine USING (machine_id)
            ORDER BY guest, device, stream
            """)
        for stream in streams {
          places[try stream["stream"]] = disks.count
          disks.append(
            DiskSamples(
              guest: try stream["guest"], device: try stream["device"],
              isJoined: try stream["verdict"] as String == "joined"))
        }
        let ios = try RawStatement(
          db,
          """
          SELECT block_request.stream_id, coalesce(guest_io.queued_at_ns, guest_io.completed_at_ns),
            guest_io.op, guest_io.sectors, guest_io.match_grade, guest_io.clock_error_ns,
            guest_io.page_cache_ns, guest_io.guest_scheduler_ns, guest_io.virtio_submit_ns,
            guest_io.virtio_return_ns, guest_io.host_scheduler_ns, guest_io.hardware_queue_ns,
            guest_io.block_ns
          FROM guest_io JOIN block_request USING (request_id)
          """)
        while try ios.step() {
          guard let place = places[ios.integer(0)], ios.integer(1) != .min else { continue }
          disks[place].add(ios)
        }
        return disks.filter { $0.count > 0 }
      }
    }
  }
}

extension DiskSamples {
  /// The statement's current row.
  fileprivate mutating func add(_ row: RawStatement) {
    moments.append(row.integer(1))
    operations.append(UInt8(truncatingIfNeeded: row.integer(2)))
    sectors.append(row.integer(3))
    let block = row.integer(12)
    // Grades up to 2 are exact, merged, split.
    let whole = block != .min && (!isJoined || row.integer(4) <= 2)
    isWhole.append(whole)
    if whole, row.integer(5) != .min { clockError = max(clockError ?? 0, row.integer(5)) }
    for hop in columns.indices { columns[hop].append(row.integer(Int32(6 + hop))) }
  }
}
