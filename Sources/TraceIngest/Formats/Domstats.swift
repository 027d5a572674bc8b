internal import TraceModel

/// `virsh domstats`: what libvirt and QEMU count of each guest.
///
///     Domain: 'web1'
///       vcpu.0.time=955260000000
///       vcpu.0.delay=1305744538
///       block.0.name=vda
///       block.0.rd.reqs=1234
///       block.0.rd.times=5678901
///
/// A vCPU's time on a CPU and its wait for one are its thread's `schedstat`, so they have the same names here; a disk's
/// requests those of `/proc/diskstats`, as QEMU completes them.
struct Domstats: CounterFormat {
  let name = "domstats"
  let producedBy = "while sleep 1; do date +%s.%N; virsh domstats --vcpu --block; done"
  let goodFor =
    "how long vCPUs waited for a CPU, and the load of guests' disks as QEMU sees it, without a trace"

  func table() -> any CounterTable { DomstatsTable() }
}

private final class DomstatsTable: CounterTable {
  private var guest: String?
  /// The disks of the guest by their numbers.
  private var disks: [Substring: String] = [:]
  /// What was begun in this reading.
  private var begun: Set<Int32> = []

  func interrupt(_ reason: CounterBreak) { if reason == .other { guest = nil } }

  func take(_ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ log: CounterLog) throws -> Bool {
    let (from, last) = bytes.trimmed(start, end)
    if bytes.has("Domain: '", at: from, last) {
      guest = bytes.text(from: from + 9, to: max(from + 9, last - 1))
      (disks, begun) = ([:], [])
      return true
    }
    guard let guest, from > start, let mark = bytes.find("=", from: from, last) else {
      return false
    }
    let key = bytes.text(from: from, to: mark)
    let parts = key.split(separator: ".")
    guard parts.count >= 2, key.utf8.allSatisfy({ $0 > 0x20 }) else { return false }
    if parts[0] == "block", parts.count == 3, parts[2] == "name" {
      disks[parts[1]] = bytes.text(from: mark + 1, to: last)
      return true
    }
    guard let value = bytes.wholeNumber(mark + 1..<last) else { return true }
    if parts[0] == "vcpu", parts.count == 3, let number = Int(parts[1]) {
      let names: [Substring: String] = ["time": "run_ns", "delay": "wait_ns"]
      guard let name = names[parts[2]] else { return true }
      try add(
        value, name, .nanoseconds, "task-schedstat", .task, "0 CPU \(number)/KVM \(guest)", log)
    } else if parts[0] == "block", parts.count == 4, let disk = disks[parts[1]] {
      try block(value, parts[2], parts[3], "\(guest) \(disk)", log)
    }
    return true
  }

  private func block(
    _ value: Int64, _ way: Substring, _ what: Substring, _ name: String, _ log: CounterLog
  ) throws {
    let words: [Substring: (requests: String, time: String)] = [
      "rd": ("reads", "read_ms"), "wr": ("writes", "write_ms"),
    ]
    guard let word = words[way] else { return }
    switch what {
    case "reqs": try add(value, word.requests, .count, "domstats", .disk, name, log)
    // Nanoseconds.
    case "times": try add(value / 1_000_000, word.time, .milliseconds, "domstats", .disk, name, log)
    default: break
    }
  }

  private func add(
    _ value: Int64, _ counter: String, _ unit: CounterUnit, _ tool: String,
    _ kind: CounterObjectKind, _ name: String, _ log: CounterLog
  ) throws {
    let object = try log.object(tool, kind, name)
    if begun.insert(object).inserted { try log.begin(object) }
    try log.add(object, try log.counter(counter, unit), value, .total)
    log.events += 1
  }
}
