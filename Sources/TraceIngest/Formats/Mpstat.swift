internal import TraceModel

/// `mpstat`: what each CPU did, from one report to the next.
///
///     14:46:18     CPU    %usr   %nice    %sys %iowait    %irq   %soft  %steal  %guest  %gnice   %idle
///     14:46:19     all   52.26    0.00   40.20    0.00    0.00    0.00    0.00    0.00    0.00    7.54
struct Mpstat: CounterFormat {
  let name = "mpstat"
  let producedBy = "LC_ALL=C mpstat -P ALL 1"
  let goodFor = "which CPUs were busy, and stolen time, where nothing was traced"

  func table() -> any CounterTable { SysstatTable(.init(name: name, owns: Self.owns)) }

  /// mpstat has %irq before %steal, sar behind it; interrupts of a CPU only mpstat has.
  static func owns(_ columns: [Substring]) -> Bool {
    guard columns.first == "CPU" || columns.first == "NODE" || columns.last == "CPU" else {
      return false
    }
    guard let irq = columns.firstIndex(of: "%irq") else {
      return columns.count > 1 && columns[1] == "intr/s"
        || columns.contains("HI/s") || columns.contains("NET_RX/s")
    }
    return columns.firstIndex(of: "%steal").map { irq < $0 } ?? true
  }
}
