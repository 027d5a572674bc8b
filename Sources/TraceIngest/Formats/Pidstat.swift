internal import TraceModel

/// `pidstat`: what each process did, from one report to the next.
///
///     12:06:39 PM   UID       PID    %usr %system  %guest   %wait    %CPU   CPU  Command
///     12:06:40 PM   107      2832    3.00    5.00   70.00    1.00   78.00     1  qemu-system-x86
struct Pidstat: CounterFormat {
  let name = "pidstat"
  let producedBy = "LC_ALL=C pidstat -u -d 1"
  let goodFor = "which process used CPUs and disks, where nothing was traced"

  func table() -> any CounterTable {
    SysstatTable(.init(name: name) { $0.contains("PID") && $0.last == "Command" })
  }
}
