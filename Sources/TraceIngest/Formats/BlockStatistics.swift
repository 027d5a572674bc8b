internal import TraceModel

/// QEMU's reply to `query-blockstats`: what it counts of a guest's disks since it began.
///
///     {"return": [{"device": "drive0", "qdev": "/machine/peripheral/datadisk/virtio-backend", "stats": {"rd_operations": 12,
///       "rd_total_time_ns": 3400000, "wr_operations": 3, ..., "rd_latency_histogram": {"boundaries": [10000000, 20000000],
///       "bins": [5, 6, 1]}}}]}
///
/// Counters have the names of `/proc/diskstats`. A bucket of a histogram (block-latency-histogram-set) is called by the end that
/// no value of it reaches, in ns.
enum BlockStatistics {
  private static let mostBuckets = 256

  /// Takes the disks of a reply, however it is wrapped.
  static func take(_ value: JSONValue, guest: String?, _ log: CounterLog) throws {
    switch value {
    case .array(let elements): for element in elements { try take(element, guest: guest, log) }
    case .object(let members, let line):
      if let stats = value["stats"], stats["rd_operations"] != nil {
        log.line = line
        return try disk(value, stats, guest: guest, log)
      }
      for member in members {
        let isOwn =
          ["return", "arguments", "data"].contains(member.key) || member.key.hasPrefix("query-")
        try take(member.value, guest: isOwn ? guest : member.key, log)
      }
    default: break
    }
  }

  private static func disk(
    _ value: JSONValue, _ stats: JSONValue, guest: String?, _ log: CounterLog
  ) throws {
    let labels = [
      value["qdev"]?.string.map(IOLimits.short), value["device"]?.string,
      value["node-name"]?.string,
    ]
    let name = labels.compactMap(\.self).first { !$0.isEmpty } ?? ""
    let object = try log.object(
      "query-blockstats", .disk, [guest, name].compactMap(\.self).joined(separator: " "))
    try log.begin(object)
    for (way, requests, time) in [("rd", "reads", "read_ms"), ("wr", "writes", "write_ms")] {
      if let count = stats["\(way)_operations"]?.integer, count >= 0 {
        try log.add(object, try log.counter(requests), count, .total)
      }
      if let sum = stats["\(way)_total_time_ns"]?.integer, sum >= 0 {
        let counter = try log.counter(time, .milliseconds)
        try log.add(object, counter, sum / 1_000_000, .total)
      }
      try histogram(stats["\(way)_latency_histogram"], way, object, log)
    }
    log.events += 1
  }

  /// One bin more than boundaries: the first is below the first of them, the last from the last one on.
  private static func histogram(
    _ value: JSONValue?, _ way: String, _ object: Int32, _ log: CounterLog
  ) throws {
    guard case .array(let bins)? = value?["bins"], case .array(let ends)? = value?["boundaries"],
      bins.count == ends.count + 1, bins.count <= mostBuckets
    else { return }
    for (place, bin) in bins.enumerated() {
      guard let count = bin.integer, count >= 0 else { continue }
      var end = "inf"
      if place < ends.count {
        guard let limit = ends[place].integer else { continue }
        end = "\(limit)"
      }
      try log.add(object, try log.counter("\(way)_latency_le_\(end)_ns"), count, .total)
    }
  }
}
