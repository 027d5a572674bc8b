internal import TraceModel
internal import TraceStore

extension Finding.Code {
  /// Writes waited in the guest's page cache.
  static let pageCacheHides = Finding.Code("PAGE_CACHE_HIDES")
}

/// Writes were done for their process long before the disk saw them: they lay in the guest's page cache.
struct PageCacheHides: Rule {
  let code = Finding.Code.pageCacheHides
  let topic = Topic.hops
  let about = Subject.cause(
    Suspect(
      .caches,
      without: "the guest's page cache events",
      "SELECT 1 FROM hop_summary WHERE hop = 'page_cache'"))
  private let residency = Threshold(
    "page-cache-residency", 500, "ms",
    "median time from dirtying to Q, from which on it is reported")
  private let throttled = Threshold(
    "page-cache-throttled", 100, "ms",
    "time that the kernel held one thread back because too much was dirty, from which on it is a warning"
  )
  var thresholds: [Threshold] { [residency, throttled] }

  func inputs(of _: Finding) -> Set<Evidence.Kind> { [.guestBlocks, .pageCache] }

  func findings(_ evidence: Evidence) throws -> [Finding] {
    try evidence.rows(Self.sql("1")).compactMap { row in
      guard let guest = row.text("guest"), let device = row.text("device"),
        let count = row.integer("count"), let median = row.integer("p50_ns"),
        let slow = row.integer("p99_ns"), count >= 100
      else { return nil }
      let held = row.integer("throttle_ns") ?? 0
      let isHeldBack = Double(held) >= evidence.value(of: throttled) * 1e6
      guard isHeldBack || Double(median) >= evidence.value(of: residency) * 1e6 else { return nil }
      var sentence =
        "\(device): written data lay in the guest's page cache for \(Quantity.time(median)) at the median, "
        + "p99 \(Quantity.time(slow)) (\(Quantity.count(count, "I/O"))), before the disk saw it"
      if let block = row.integer("block_ns") {
        sentence += "; from Q to C its writes took \(Quantity.time(block)) at the median"
      }
      if isHeldBack, let comm = row.text("throttled_comm") {
        sentence +=
          "; the kernel held \(comm) back for \(Quantity.time(held)), for too much was dirty"
      }
      return Finding(
        code, isHeldBack ? .warning : .info, guest: guest, sentence: Printable.text(sentence) + ".",
        confidence: .high,
        because:
          "When each page was dirtied, and which request carried it, is in the guest's page-cache trace.",
        evidenceSQL: Self.sql(
          "cache.guest = \(Evidence.literal(guest)) AND cache.device = \(Evidence.literal(device))"),
        nextStep:
          "A write that has returned is not on the disk. The view 'fsync' shows how long the application "
          + "waited for that. See vm.dirty_expire_centisecs and vm.dirty_background_bytes of the guest.",
        extent: try evidence.throughout(guest).at([Finding.Extent.place(guest, device)]))
    }
  }

  private static func sql(_ condition: String) -> String {
    """
    SELECT cache.guest AS guest, cache.device AS device, cache.count AS count, cache.p50_ns AS p50_ns,
      cache.p99_ns AS p99_ns, block.p50_ns AS block_ns,
      (SELECT max(throttle_ns) FROM page_cache_task WHERE machine = cache.guest) AS throttle_ns,
      (SELECT comm FROM page_cache_task WHERE machine = cache.guest
        ORDER BY throttle_ns DESC, tid LIMIT 1) AS throttled_comm
    FROM hop_summary AS cache
    LEFT JOIN hop_summary AS block ON block.guest = cache.guest AND block.device = cache.device
      AND block.op = 'write' AND block.hop = 'block'
    WHERE cache.op = 'all' AND cache.hop = 'page_cache' AND \(condition)
    ORDER BY cache.guest, cache.device
    """
  }
}
