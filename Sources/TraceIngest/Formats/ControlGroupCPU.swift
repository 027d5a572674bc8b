internal import TraceModel

/// `cpu.stat` of a control group with a quota: in how many periods the quota was used up, and for how long its threads were
/// held back then.
///
///     usage_usec 123456
///     nr_periods 12000
///     nr_throttled 3400
///     throttled_usec 98765432
///     /sys/fs/cgroup/machine.slice/web1.scope/cpu.stat:nr_periods 12000
///
/// The first version has `throttled_time` in ns. The group is the folder of the file, where a path stands before the line or in
/// the command.
struct ControlGroupCPU: CounterFormat {
  let name = "cgroup-cpu"
  let producedBy =
    "while sleep 1; do date +%s.%N; grep . /sys/fs/cgroup/machine.slice/*/cpu.stat; done"
  let goodFor = "for how long a CPU quota held a guest's threads back"

  func table() -> any CounterTable { ControlGroupCPUTable() }
}

private final class ControlGroupCPUTable: CounterTable {
  private var ofCommand = ""
  /// Lines of the group stand before; what follows without a gap is of the group, too.
  private var isOpen = false

  func interrupt(_ reason: CounterBreak) { isOpen = false }

  func announce(command: String) {
    ofCommand =
      command.split(separator: " ").first { $0.hasSuffix("/cpu.stat") }
      .map { Self.group($0) } ?? ""
  }

  /// `web1.scope` of `/sys/fs/cgroup/machine.slice/web1.scope/cpu.stat`.
  private static func group(_ path: Substring) -> String {
    path.split(separator: "/").dropLast().last.map { String($0.prefix(128)) } ?? ""
  }

  func take(_ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ log: CounterLog) throws -> Bool {
    var (from, to) = bytes.trimmed(start, end)
    var group = ofCommand
    if let colon = bytes.find("cpu.stat:", from: from, to) {
      group = Self.group(bytes.text(from: from, to: colon + 8)[...])
      from = colon + 9
    }
    log.fields.cut(bytes, from, to)
    guard log.fields.count == 2, let value = bytes.wholeNumber(log.fields[1]) else { return false }
    let known: [(StaticString, String?, CounterUnit, Int64)] = [
      ("nr_periods", "periods", .count, 1), ("nr_throttled", "throttled_periods", .count, 1),
      ("throttled_usec", "throttled_ns", .nanoseconds, 1_000),
      ("throttled_time", "throttled_ns", .nanoseconds, 1), ("nr_bursts", nil, .count, 1),
      ("burst_usec", nil, .count, 1), ("burst_time", nil, .count, 1),
      ("usage_usec", nil, .count, 1), ("user_usec", nil, .count, 1),
      ("system_usec", nil, .count, 1), ("nice_usec", nil, .count, 1),
    ]
    guard let (_, name, unit, scale) = known.first(where: { bytes.equals($0.0, log.fields[0]) })
    else {
      guard isOpen else { return false }
      log.notices.add(
        .otherOutput, line: log.line, column: nil, bytes: bytes, from: from, to: to)
      return true
    }
    isOpen = true
    guard let name else { return true }
    let object = try log.object("cpu.stat", .service, group)
    if name == "periods" { try log.begin(object) }
    let (scaled, isTooMuch) = value.multipliedReportingOverflow(by: scale)
    if !isTooMuch { try log.add(object, try log.counter(name, unit), scaled, .total) }
    log.events += 1
    return true
  }
}
