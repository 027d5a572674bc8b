internal import TraceModel

/// `/proc/stat`: what the CPUs did since boot, in hundredths of a second.
///
///     cpu  721 0 2407 4640 496 0 425 1001 0 0
///     cpu0 369 0 1105 2376 294 0 177 548 0 0
///     ctxt 135462
struct ProcStat: CounterFormat {
  let name = "proc-stat"
  let producedBy = "while sleep 1; do date +%s.%N; cat /proc/stat; done"
  let goodFor = "steal of each CPU of a guest"

  func table() -> any CounterTable { ProcStatTable() }
}

private final class ProcStatTable: CounterTable {
  private static let columns = [
    "user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal", "guest", "guest_nice",
  ]
  private var counters: [Int32] = []
  private var isOpen = false

  func interrupt(_ reason: CounterBreak) { if reason != .blank { isOpen = false } }

  func take(_ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ log: CounterLog) throws -> Bool {
    if bytes.has("cpu", at: start, end) { return try cpu(bytes, start, end, log) }
    let totals: [StaticString] = ["intr ", "ctxt ", "processes ", "softirq "]
    for name in totals where bytes.has(name, at: start, end) {
      return try number(bytes, start, start + name.utf8CodeUnitCount, end, .total, log)
    }
    let levels: [StaticString] = ["btime ", "procs_running ", "procs_blocked "]
    for name in levels where bytes.has(name, at: start, end) {
      return try number(bytes, start, start + name.utf8CodeUnitCount, end, .level, log)
    }
    return false
  }

  private func cpu(
    _ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ log: CounterLog
  ) throws -> Bool {
    log.fields.cut(bytes, start, end)
    let fields = log.fields
    // 7 numbers up to 2.6.10, 10 since 2.6.33. schedstat's cpu lines have 9.
    guard (5...11).contains(fields.count), fields.count != 10 else { return false }
    for index in 1..<fields.count where !bytes.isNumber(fields[index]) { return false }
    let name = fields[0].lowerBound + 3..<fields[0].upperBound
    guard name.isEmpty || bytes.isNumber(name) else { return false }
    if counters.isEmpty {
      counters = try Self.columns.map { try log.counter($0, .ticks) }
    }
    let object =
      name.isEmpty
      ? try log.object("proc-stat", .machine, "")
      : try log.object("proc-stat", .cpu, bytes.text(from: name.lowerBound, to: name.upperBound))
    try log.begin(object)
    for index in 1..<fields.count {
      guard let value = bytes.wholeNumber(fields[index]) else { continue }
      try log.add(object, counters[index - 1], value, .total)
    }
    isOpen = true
    log.events += 1
    return true
  }

  /// `ctxt 135462`, `intr 20627 81 9 0 ...`: the sum; its parts are interrupts by number.
  private func number(
    _ bytes: Span<UInt8>, _ start: Int, _ position: Int, _ end: Int, _ nature: CounterNature,
    _ log: CounterLog
  ) throws -> Bool {
    var at = position
    guard let value = bytes.decimal(&at, end), at == end || bytes[at] == 0x20 else {
      return false
    }
    let object = try log.object("proc-stat", .machine, "")
    // `grep ctxt /proc/stat`
    if !isOpen { try log.begin(object) }
    isOpen = true
    let name = bytes.text(from: start, to: position - 1)
    let unit: CounterUnit = name == "btime" ? .seconds : .count
    try log.add(object, try log.counter(name, unit, nature), value, nature)
    log.events += 1
    return true
  }
}

/// `/proc/vmstat`: a name and a number per line.
///
///     nr_free_pages 75585
///     pgfault 1234
struct ProcVmstat: CounterFormat {
  let name = "proc-vmstat"
  let producedBy = "while sleep 1; do date +%s.%N; cat /proc/vmstat; done"
  let goodFor = "writeback, reclaim and page faults"

  func table() -> any CounterTable { ProcVmstatTable() }
}

private final class ProcVmstatTable: CounterTable {
  private var isOpen = false
  private var known = NameTable()
  private var counters: [(Int32, CounterNature)] = []
  private var machine: Int32?
  private var firstName: Int32?

  func interrupt(_ reason: CounterBreak) {
    if reason != .blank {
      isOpen = false
      firstName = nil
      machine = nil
    }
  }

  func take(_ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ log: CounterLog) throws -> Bool {
    guard start < end, bytes[start] | 0x20 &- 0x61 < 26 else { return false }
    var at = start
    while at < end, bytes[at] != 0x20 {
      guard bytes[at] &- 0x61 < 26 || bytes[at] == UInt8(ascii: "_") || bytes[at] &- 0x30 < 10
      else { return false }
      at += 1
    }
    guard at + 1 < end, bytes.isNumber(at + 1..<end) else { return false }
    guard isOpen || Self.isKnown(bytes, start, at) else { return false }
    // Files of control groups have names and numbers, too.
    guard !NamedValues.isControlGroup(bytes, start..<at) else {
      isOpen = false
      firstName = nil
      return false
    }
    guard let value = log.number(bytes, at + 1..<end) else {
      log.events += 1
      return true
    }
    let number: Int32
    if let seen = known.value(bytes, from: start, to: at) {
      number = seen
    } else {
      number = Int32(counters.count)
      let name = bytes.text(from: start, to: at)
      let isLevel = name.hasPrefix("nr_") && !Self.growing.contains(name)
      let nature: CounterNature = isLevel ? .level : .total
      let isPages =
        name.hasPrefix("nr_") || name.hasPrefix("numa_") && !name.hasPrefix("numa_pte")
      let unit: CounterUnit = isPages ? .pages : .count
      counters.append((try log.counter(name, unit, nature), nature))
      known.insert(number, for: bytes, from: start, to: at)
    }
    let object = try machine ?? log.object("proc-vmstat", .machine, "")
    machine = object
    // The first name again is the next sample.
    if !isOpen || number == firstName {
      try log.begin(object)
      firstName = number
    }
    isOpen = true
    try log.add(object, counters[Int(number)].0, value, counters[Int(number)].1)
    log.events += 1
    return true
  }

  /// Counters among the `nr_` names, which else say how much there is.
  private static let growing: Set<String> = [
    "nr_dirtied", "nr_written", "nr_vmscan_write", "nr_vmscan_immediate_reclaim",
    "nr_throttled_written", "nr_foll_pin_acquired", "nr_foll_pin_released",
  ]

  /// What a file may begin with: its first name, or what people grep for.
  private static func isKnown(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
    let beginnings: [StaticString] = [
      "numa_", "pg", "pswp", "allocstall", "workingset_", "thp_", "compact_", "kswapd_",
      "slabs_scanned", "drop_", "unevictable_", "balloon_", "swap_ra", "htlb_", "direct_map",
      "zswp", "pageoutrun", "nr_free_", "nr_zone_", "nr_inactive_", "nr_active_",
      "nr_unevictable", "nr_mlock", "nr_anon_", "nr_mapped", "nr_file_", "nr_dirty", "nr_dirtied",
      "nr_written", "nr_writeback", "nr_slab", "nr_page_table_pages", "nr_kernel_", "nr_unstable",
      "nr_bounce", "nr_vmscan_", "nr_isolated_", "nr_shmem", "nr_alloc_batch", "nr_pages_scanned",
      "nr_zspages", "nr_swapcached", "nr_foll_pin_", "nr_throttled_written", "nr_tlb_",
      "nr_sec_page_table_pages", "nr_iommu_pages", "nr_unaccepted", "nr_memmap", "nr_balloon_",
      "nr_hugetlb", "nr_indirectly_reclaimable", "nr_shadow_call_stack", "nr_overhead", "nr_bulk",
    ]
    for beginning in beginnings where bytes.has(beginning, at: start, end) { return true }
    return bytes.equals("oom_kill", start..<end)
  }
}
