/// Files of a name and a number per line that look like `/proc/vmstat` and are not: those of control groups.
///
///     nr_periods 12000
///     nr_throttled 3400
enum NamedValues {
  /// A file of a control group, and names that stand in it and not in `/proc/vmstat`.
  private struct File {
    let name: String
    let names: [StaticString]
    let advice: String
  }

  private static let own = "/proc/vmstat is the whole machine's; \(Advice.memory)"

  private static let files = [
    File(
      name: "cpu.stat",
      names: [
        "nr_periods", "nr_throttled", "throttled_time", "throttled_usec", "nr_bursts",
        "burst_usec", "burst_time", "wait_sum", "usage_usec", "user_usec", "system_usec",
        "nice_usec",
        "core_sched.force_idle_usec", "current_bw",
      ],
      advice:
        "the group has no CPU quota (nr_periods is missing), so that nothing in it is a limit; \(Advice.tasks)"
    ),
    File(
      name: "cgroup.stat",
      names: [
        "nr_descendants", "nr_dying_descendants", "nr_subsys_cpu", "nr_subsys_memory",
        "nr_subsys_io", "nr_dying_subsys_cpu", "nr_dying_subsys_memory",
      ], advice: "it counts control groups; \(own)"),
    File(
      name: "memory.oom_control", names: ["oom_kill_disable", "under_oom"],
      advice: "its oom_kill counts the group's; \(own)"),
    File(
      name: "memory.events", names: ["low", "high", "oom", "oom_group_kill", "sock_throttled"],
      advice: "it counts the group's events; \(own)"),
    File(name: "cgroup.events", names: ["populated", "frozen"], advice: own),
    File(
      name: "cpuacct.stat", names: ["user", "system"],
      advice: "it is the CPU time of the group; \(Advice.cpu)"),
    File(
      name: "memory.stat",
      names: [
        "anon", "file", "kernel", "kernel_stack", "pagetables", "sec_pagetables", "percpu", "sock",
        "vmalloc", "shmem", "zswap", "zswapped", "file_mapped", "file_dirty", "file_writeback",
        "swapcached", "anon_thp", "file_thp", "shmem_thp", "inactive_anon", "active_anon",
        "inactive_file", "active_file", "unevictable", "slab_reclaimable", "slab_unreclaimable",
        "slab", "cache", "rss", "rss_huge", "mapped_file", "dirty", "writeback", "swap",
        "hierarchical_memory_limit", "hierarchical_memsw_limit", "total_cache", "total_rss",
        "total_rss_huge", "total_shmem", "total_mapped_file", "total_dirty", "total_writeback",
        "total_swap", "total_pgpgin", "total_pgpgout", "total_pgfault", "total_pgmajfault",
        "total_inactive_anon", "total_active_anon", "total_inactive_file", "total_active_file",
        "total_unevictable", "recent_rotated_anon", "recent_rotated_file", "recent_scanned_anon",
        "recent_scanned_file", "hugetlb", "swapcache", "total_swapcache",
      ], advice: "it is the group's memory; \(own)"),
  ]

  /// The file that this name is of; nil for names of `/proc/vmstat` and all others.
  static func isControlGroup(_ bytes: Span<UInt8>, _ name: Range<Int>) -> Bool {
    file(bytes, name) != nil
  }

  private static func file(_ bytes: Span<UInt8>, _ name: Range<Int>) -> File? {
    files.first { file in file.names.contains { bytes.equals($0, name) } }
  }

  /// The message for a line of such a file.
  static func output(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> KnownOutput? {
    guard bytes[start] &- 0x61 < 26 else { return device(bytes, start, end) }
    // `total=123 N0=123`, `anon N0=4096`
    if bytes.find(" N0=", from: start, end) != nil, bytes.find(":", from: start, end) == nil {
      return KnownOutput(
        advice:
          "this is memory.numa_stat of a control group (cgroup), which nothing here uses; save "
          + "numastat -p PID > FILE")
    }
    var at = start
    while at < end, bytes[at] > 0x20 { at += 1 }
    guard at + 1 < end, bytes.isNumber(at + 1..<end), let file = file(bytes, start..<at) else {
      return nil
    }
    return KnownOutput(
      advice: "this is \(file.name) of a control group (cgroup), not /proc/vmstat: \(file.advice)")
  }

  /// `8:0 rbytes=1024 wbytes=0 rios=1 ...` of io.stat, `8:0 Read 40960` of blkio.throttle.*.
  private static func device(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> KnownOutput? {
    var at = start
    guard bytes.decimal(&at, end) != nil, at < end, bytes[at] == UInt8(ascii: ":") else {
      return nil
    }
    at += 1
    guard bytes.decimal(&at, end) != nil, at < end, bytes[at] == 0x20 else { return nil }
    let words: [StaticString] = [
      "rbytes=", "Read ", "Write ", "Sync ", "Async ", "Discard ", "Total ", "rbps=", "cost.usage=",
    ]
    guard words.contains(where: { bytes.has($0, at: at + 1, end) }) else { return nil }
    return KnownOutput(
      advice:
        "this is io.stat or blkio.* of a control group (cgroup), which is of its processes alone; "
        + Advice.disks)
  }
}
