internal import TraceModel
internal import TraceStore

extension Finding.Code {
  /// The host's page cache took writes.
  static let hostCacheAbsorbs = Finding.Code("HOST_CACHE_ABSORBS")
}

/// The host's page cache took a guest's writes: they were acknowledged before any disk saw them.
struct HostCacheAbsorbs: Rule {
  let code = Finding.Code.hostCacheAbsorbs
  let topic = Topic.matches
  let about = Subject.cause(
    Suspect(
      .caches,
      without: "I/Os of the guest that were matched with the host's",
      "SELECT 1 FROM hop_summary WHERE hop = 'host_scheduler'"))
  private let share = Threshold(
    "absorbed", 5, "%",
    "writes that no host request carried at their time, from which on it is reported")
  var thresholds: [Threshold] { [share] }

  func inputs(of _: Finding) -> Set<Evidence.Kind> { [.guestBlocks, .hostBlocks, .joined] }

  func findings(_ evidence: Evidence) throws -> [Finding] {
    try evidence.rows(Self.sql("1")).compactMap { row in
      guard let guest = row.text("guest"), let device = row.text("device"),
        let writes = row.integer("writes"), let absorbed = row.integer("absorbed"),
        let part = row.number("absorbed_pct"), part >= evidence.value(of: share), absorbed > 0
      else { return nil }
      return Finding(
        code, .info, guest: guest,
        sentence: Printable.text(
          "\(try evidence.disk(device, of: guest)): \(Quantity.count(absorbed)) of \(Quantity.count(writes, "write")) "
            + "(\(Quantity.decimal(part, digits: 1)) %) were complete for the guest without a request of the "
            + "host: its page cache took them" + Self.later(row) + "."),
        confidence: .medium,
        because:
          "The host traced the disk at that time and shows no request for these sectors between the guest's "
          + "D and C.",
        evidenceSQL: Self.sql(
          "guest = \(Evidence.literal(guest)) AND device = \(Evidence.literal(device))"),
        nextStep:
          "Their stack ends at H3. If the guest relies on its writes being on the disk, see that it flushes; "
          + "cache=none takes the host's page cache out of the way.",
        extent: try evidence.throughout(guest).at([Finding.Extent.place(guest, device)]))
    }
  }

  /// When they came to the disk, where the trace shows it.
  private static func later(_ row: QueryRow) -> String {
    guard let written = row.integer("written"), written > 0,
      let mean = row.integer("deferred_mean_ns"),
      let longest = row.integer("deferred_max_ns")
    else { return ". The trace does not show when they came to the disk" }
    return
      ". \(Quantity.count(written)) of them came to the disk later, by \(Quantity.time(mean)) on "
      + "average and \(Quantity.time(longest)) at most"
  }

  private static func sql(_ condition: String) -> String {
    """
    SELECT guest, device, sum(count) AS writes, sum(count * (match_grade = 'absorbed')) AS absorbed,
      100.0 * (1.0 * sum(count * (match_grade = 'absorbed')) / sum(count)) AS absorbed_pct, sum(deferred) AS written,
      CAST(sum(1.0 * deferred_sum_ns) / nullif(sum(deferred), 0) AS INTEGER) AS deferred_mean_ns,
      max(deferred_max_ns) AS deferred_max_ns
    FROM io_count WHERE op = 'write' AND \(condition) GROUP BY guest, device ORDER BY guest, device
    """
  }
}
