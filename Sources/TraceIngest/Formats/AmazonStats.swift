internal import TraceModel

/// `nvme amzn stats`, and `ebsnvme stats` before: what an EBS volume counts, and for how long a limit held it back.
///
///     Total Ops:
///       Read: 26525
///       Write: 46117
///     EBS Volume Performance Exceeded (us):
///       IOPS: 0
///       Throughput: 1234567
///     Queue Length (point in time): 0
struct AmazonStats: CounterFormat {
  let name = "nvme-amzn"
  let producedBy = "while sleep 10; do date +%s.%N; nvme amzn stats /dev/nvme1n1; done"
  let goodFor = "for how long limits of an EBS volume or of its instance held I/O back"

  func table() -> any CounterTable { AmazonStatsTable() }
}

private final class AmazonStatsTable: CounterTable {
  private var volume = ""
  private var section: String?
  private var object: Int32?

  func interrupt(_ reason: CounterBreak) { if reason == .other { section = nil } }

  func announce(command: String) {
    let words = command.split(separator: " ")
    if let device = words.first(where: { $0.hasPrefix("/dev/") }) {
      volume = String(device.dropFirst("/dev/".count))
    }
  }

  func take(_ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ log: CounterLog) throws -> Bool {
    let (from, last) = bytes.trimmed(start, end)
    for (heading, name) in Self.sections where bytes.has(heading, at: from, last) {
      if name == "ops" {
        let own = try log.object("nvme amzn", .disk, volume)
        try log.begin(own)
        object = own
      }
      section = name
      // `Queue Length (point in time): 0` is a value itself.
      guard name == "queue" else { return true }
      return try value(bytes, from, last, "depth", .level, log)
    }
    guard let section, section != "queue" else { return false }
    for (word, name) in Self.rows where bytes.has(word, at: from, last) {
      return try value(bytes, from, last, "\(name)_\(section)", .total, log)
    }
    return false
  }

  private static let sections: [(StaticString, String)] = [
    ("Total Ops", "ops"), ("Total Bytes", "bytes"), ("Total Time (us)", "us"),
    ("EBS Volume Performance Exceeded (us)", "volume_exceeded_us"),
    ("EC2 Instance EBS Performance Exceeded (us)", "instance_exceeded_us"),
    ("Queue Length", "queue"),
  ]
  private static let rows: [(StaticString, String)] = [
    ("Read:", "read"), ("Write:", "write"), ("IOPS:", "iops"), ("Throughput:", "throughput"),
  ]

  private func value(
    _ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ name: String, _ nature: CounterNature,
    _ log: CounterLog
  ) throws -> Bool {
    guard let object, let colon = bytes.find(":", from: start, end) else { return false }
    let (from, last) = bytes.trimmed(colon + 1, end)
    guard let value = bytes.wholeNumber(from..<last) else { return false }
    let unit: CounterUnit = name.hasSuffix("_bytes") ? .bytes : .count
    try log.add(object, try log.counter(name, unit, nature), value, nature)
    log.events += 1
    return true
  }
}
