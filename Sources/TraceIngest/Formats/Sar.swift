internal import TraceModel

/// `sar`: CPUs, run queue, memory, paging, disks and interfaces, from one report to the next, as it ran or out of its
/// daily files (`sar -A -f /var/log/sa/sa22`).
///
///     12:06:38        DEV       tps     rkB/s     wkB/s     dkB/s   areq-sz    aqu-sz     await     %util
///     12:06:39        vda     45.00    488.00      0.00      0.00     10.84      0.07      1.51      0.40
struct Sar: CounterFormat {
  let name = "sar"
  let producedBy = "LC_ALL=C sar -u ALL -q -r -B -W -d -n DEV,EDEV 1"
  let goodFor = "load of CPUs, disks, memory and interfaces over hours, where nothing was traced"

  func table() -> any CounterTable {
    SysstatTable(.init(name: name) { !$0.contains("PID") && !Mpstat.owns($0) })
  }
}
