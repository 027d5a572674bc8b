import TraceIngest

/// Formats that share their parsing, fuzzed together.
struct Family {
  let name: String
  /// Names as `hiddenq formats` lists them.
  let formats: [String]
  /// Formats that take an option instead of a name.
  var custom: [any TraceFormat] = []

  /// Every format of the program is in one of them; ``check()`` says so at each start.
  static let all: [Family] = [
    Family(
      name: "block", formats: ["blktrace"],
      custom: [
        "%D %2c %8s %5T.%9t %5p %2a %3d %S + %n [%C]\n", "%z %M,%m %a %d %S %N %e %U %P\n",
      ].compactMap { try? blkparseText(printedWith: $0) }),
    Family(name: "tracepoints", formats: ["perf-sched", "perf-script", "ftrace", "trace-cmd"]),
    Family(name: "perf-data", formats: ["perf-data"]),
    Family(name: "trace-dat", formats: ["trace-dat"]),
    Family(name: "qemu-log", formats: ["qemu-log"]),
    Family(name: "perf-reports", formats: ["perf-sched-timehist", "perf-sched-latency"]),
    Family(
      name: "topology",
      formats: [
        "lscpu", "numactl", "ps", "qmp", "qemu-cmdline", "lsblk", "dmsetup", "qemu-img-map",
        "filefrag", "queue-settings", "clock-readings", "capture-clocks", "libvirt-xml",
        "blkdeviotune", "cgroup-limits", "taskset", "vcpupin",
      ]),
    Family(
      name: "counters",
      formats: [
        "vmstat", "numastat", "proc-stat", "proc-vmstat", "proc-diskstats", "proc-schedstat",
        "task-schedstat", "proc-net-dev", "softnet", "ip-link", "ethtool", "ethtool-ring",
        "tc-qdisc", "ifconfig", "pressure", "iostat", "mpstat", "pidstat", "sar", "sysstat-json",
        "sadf", "domstats", "nvme-amzn", "fio-log", "top", "fio",
        "biosnoop", "latency-histogram", "runqslower", "cgroup-cpu",
      ]),
    Family(name: "esxtop", formats: ["esxtop", "vscsistats"]),
  ]

  /// Formats that no family has.
  static var forgotten: [String] {
    let known = Set(all.flatMap(\.formats))
    return allFormats.map(\.name).filter { !known.contains($0) }
  }

  /// The format that a first byte stands for; nil: the one that is told by the content.
  func format(_ choice: UInt8) -> (any TraceFormat)? {
    let choices = allFormats.filter { formats.contains($0.name) } + custom
    let place = Int(choice) % (choices.count + 1)
    return place == 0 ? nil : choices[place - 1]
  }
}
