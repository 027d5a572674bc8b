internal import TraceModel
internal import TraceStore

/// How sentences call a process that uses a device, by a row with its `comm`, `pid`, `iops`, `mb_per_s`, `from_ns`, `to_ns`,
/// `first_sector` and `last_sector`.
enum DiskUser {
  /// `fio (pid 3011, 384 IOPS, 1.6 MB/s, sectors 2099200 to 4196351) made 9,246 requests`.
  static func words(_ row: QueryRow, requests: Int64) -> String {
    var facts: [String] = []
    if let pid = row.integer("pid"), pid > 0 { facts.append("pid \(pid)") }
    if let rate = row.number("iops"), let bytes = row.number("mb_per_s") {
      facts.append("\(rate < 10 ? Quantity.decimal(rate, digits: 1) : whole(rate)) IOPS")
      facts.append("\(Quantity.decimal(bytes, digits: 1)) MB/s")
    }
    if let first = row.integer("first_sector"), let last = row.integer("last_sector") {
      facts.append("sectors \(first) to \(last)")
    }
    return (row.text("comm") ?? "others")
      + (facts.isEmpty ? "" : " (\(facts.joined(separator: ", ")))")
      + " made \(Quantity.count(requests)) \(requests == 1 ? "request" : "requests")"
  }

  private static func whole(_ rate: Double) -> String {
    Int64(exactly: rate.rounded()).map { Quantity.count($0) } ?? "\(rate)"
  }

  /// From the first request of these to the end of the last.
  static func extent(_ rows: some Sequence<QueryRow>, explains: Int64?) -> Finding.Extent {
    Finding.Extent(
      from: rows.compactMap { $0.integer("from_ns") }.min(),
      to: rows.compactMap { $0.integer("to_ns") }.max(), explains: explains)
  }
}
