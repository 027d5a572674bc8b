/// A kind of object in the header of esxtop's batch mode: `\\host\Group Cpu(1423953:poseidon)\% Ready`.
public enum EsxKind: String, Sendable, CaseIterable {
  /// The host's memory.
  case memory = "Memory"
  /// A CPU of the host by its number, or all of them (`_Total`).
  case physicalCPU = "Physical Cpu"
  /// The host's load average.
  case load = "Physical Cpu Load"
  /// All worlds of a VM or of a service of the host.
  case groupCPU = "Group Cpu"
  /// One world: a virtual CPU, or a helper.
  case world = "Vcpu"
  /// The memory of a VM or service.
  case groupMemory = "Group Memory"
  /// A disk of the host.
  case device = "Physical Disk SCSI Device"
  /// What one VM does on a disk of the host.
  case deviceUser = "Physical Disk Per-Device-Per-World"
  /// A VM's disk, as the VM sees it.
  case virtualDisk = "Virtual Disk"
  /// A datastore on NFS.
  case datastore = "Physical Disk NFS Volume"
  /// A port of a virtual switch.
  case port = "Network Port"
}

/// A counter of esxtop that is kept: the one place that says what it is called and what it means.
///
/// The names are the counters' own, as ESXi 6 prints them (5 and 6 checked on real files); which of them a file has
/// depends on the version and on `-a`. In the views they have a column each.
public struct EsxCounter: Sendable {
  /// The kinds of objects that have it.
  public let kinds: [EsxKind]
  /// Its name in the header, behind the last backslash.
  public let name: String
  /// What esxtop's screen calls it; empty where it shows none.
  public let screen: String
  /// The column of a view that has it.
  public let column: String
  /// Its unit.
  public let unit: CounterUnit
  /// What it is over time.
  public let nature: CounterNature
  /// What it says, for people.
  public let about: String

  private init(
    _ kinds: [EsxKind], _ name: String, _ screen: String, _ column: String, _ unit: CounterUnit,
    _ nature: CounterNature, _ about: String
  ) {
    (self.kinds, self.name, self.screen, self.column) = (kinds, name, screen, column)
    (self.unit, self.nature, self.about) = (unit, nature, about)
  }

  /// The counters of a kind of objects, in the order of the table.
  public static func of(_ kind: EsxKind) -> [EsxCounter] {
    all.filter { $0.kinds.contains(kind) }
  }

  /// The columns of all of them, each once.
  public static var columns: [String] {
    var seen: Set<String> = []
    return all.map(\.column).filter { seen.insert($0).inserted }
  }

  /// The columns of a kind of stored objects, by the names of its counters.
  public static func columns(of kind: CounterObjectKind) -> [String: String] {
    let kinds: [EsxKind] =
      switch kind {
      case .machine: [.memory, .physicalCPU, .load]
      case .cpu: [.physicalCPU]
      case .vm: [.groupCPU, .groupMemory]
      case .service: [.groupCPU]
      case .vcpu: [.world]
      case .disk: [.device]
      case .diskUser: [.deviceUser]
      case .virtualDisk: [.virtualDisk]
      case .datastore: [.datastore]
      case .port: [.port]
      default: []
      }
    return Dictionary(
      kinds.flatMap { of($0) }.map { ($0.name, $0.column) }, uniquingKeysWith: { first, _ in first }
    )
  }

  private static let disks: [EsxKind] = [.device, .deviceUser]
  private static let allDisks: [EsxKind] = [.device, .deviceUser, .virtualDisk, .datastore]
  private static let cpu: [EsxKind] = [.groupCPU, .world]

  /// All of them.
  public static let all: [EsxCounter] = cpuCounters + memoryCounters + diskCounters + netCounters

  private static let cpuCounters: [EsxCounter] = [
    EsxCounter(
      [.groupCPU, .world], "% Used", "%USED", "used_pct", .percent, .share,
      "CPU time charged, in % of one CPU"),
    EsxCounter(cpu, "% Run", "%RUN", "run_pct", .percent, .share, "time on a CPU of the host"),
    EsxCounter(
      cpu, "% System", "%SYS", "system_pct", .percent, .share,
      "time in which ESXi worked for it, part of %USED"),
    EsxCounter(
      cpu, "% Wait", "%WAIT", "wait_pct", .percent, .share,
      "time in which it was blocked or idle"),
    EsxCounter(
      cpu, "% VmWait", "%VMWAIT", "vm_wait_pct", .percent, .share,
      "time in which it was blocked, without idle time"),
    EsxCounter(cpu, "% Idle", "%IDLE", "idle_pct", .percent, .share, "time in which it was idle"),
    EsxCounter(
      cpu, "% Ready", "%RDY", "ready_pct", .percent, .share,
      "time in which it was ready to run and got no CPU, limits included"),
    EsxCounter(
      cpu, "% CoStop", "%CSTP", "costop_pct", .percent, .share,
      "time in which it was held back until its other virtual CPUs caught up"),
    EsxCounter(
      cpu, "% Max Limited", "%MLMTD", "limited_pct", .percent, .share,
      "time in which a limit in the VM's settings held it back, part of %RDY"),
    EsxCounter(
      cpu, "% Swap Wait", "%SWPWT", "swap_wait_pct", .percent, .share,
      "time in which it waited for memory that ESXi had swapped out, part of %WAIT"),
    EsxCounter(
      [.world], "Physical Cpu", "", "physical_cpu", .count, .level,
      "CPU of the host on which it ran last"),
    EsxCounter(
      [.physicalCPU], "% Util Time", "PCPU UTIL", "util_pct", .percent, .share,
      "time in which it was not idle"),
    EsxCounter(
      [.physicalCPU], "% Processor Time", "PCPU USED", "used_pct", .percent, .share,
      "the same, by the frequency it ran with"),
    EsxCounter(
      [.physicalCPU], "% Core Util Time", "CORE UTIL", "core_util_pct", .percent, .share,
      "time in which one of the threads of its core was not idle"),
    EsxCounter(
      [.load], "Cpu Load (1 Minute Avg)", "", "load", .count, .level,
      "load average of a minute; 1 is full"),
  ]

  private static let memoryCounters: [EsxCounter] = [
    EsxCounter(
      [.memory], "Memory Overcommit (1 Minute Avg)", "", "overcommit", .count, .level,
      "memory promised beyond what there is"),
    EsxCounter(
      [.memory], "Machine MBytes", "", "machine_mib", .mebibytes, .level, "memory of the host"),
    EsxCounter([.memory], "Free MBytes", "", "free_mib", .mebibytes, .level, "free memory"),
    EsxCounter(
      [.memory], "Kernel State", "", "state", .count, .level,
      "state of the host's memory; 0 is plenty"),
    EsxCounter(
      [.memory], "Kernel MBytes", "", "kernel_mib", .mebibytes, .level, "memory of ESXi itself"),
    EsxCounter(
      [.memory], "NonKernel MBytes", "", "nonkernel_mib", .mebibytes, .level, "memory of all else"),
    EsxCounter(
      [.memory], "PShare Shared MBytes", "", "shared_mib", .mebibytes, .level, "shared pages"),
    EsxCounter(
      [.memory], "Swap Used MBytes", "", "swapped_mib", .mebibytes, .level,
      "memory of VMs that is swapped out"),
    EsxCounter(
      [.memory], "Swap Target MBytes", "", "swap_target_mib", .mebibytes, .level,
      "how much of it ESXi wants swapped out"),
    EsxCounter(
      [.memory], "Swap MBytes Read/sec", "", "swap_read_mib_s", .mebibytes, .rate,
      "memory swapped in per second"),
    EsxCounter(
      [.memory], "Swap MBytes Write/sec", "", "swap_written_mib_s", .mebibytes, .rate,
      "memory swapped out per second"),
    EsxCounter(
      [.memory], "Memctl Current MBytes", "", "balloon_mib", .mebibytes, .level,
      "memory that balloons hold"),
    EsxCounter(
      [.groupMemory], "Memory Size MBytes", "MEMSZ", "size_mib", .mebibytes, .level,
      "memory of the VM with its overhead"),
    EsxCounter(
      [.groupMemory], "Memory Granted Size MBytes", "GRANT", "granted_mib", .mebibytes, .level,
      "memory that it was given"),
    EsxCounter(
      [.groupMemory], "Touched MBytes", "TCHD", "touched_mib", .mebibytes, .level,
      "memory that it used lately, an estimate"),
    EsxCounter(
      [.groupMemory], "Memctl MBytes", "MCTLSZ", "balloon_mib", .mebibytes, .level,
      "memory that its balloon holds"),
    EsxCounter(
      [.groupMemory], "Memctl Target MBytes", "MCTLTGT", "balloon_target_mib", .mebibytes, .level,
      "memory that its balloon should hold"),
    EsxCounter(
      [.groupMemory], "Swapped MBytes", "SWCUR", "swapped_mib", .mebibytes, .level,
      "memory of it that is swapped out"),
    EsxCounter(
      [.groupMemory], "Swap Target MBytes", "SWTGT", "swap_target_mib", .mebibytes, .level,
      "memory of it that should be swapped out"),
    EsxCounter(
      [.groupMemory], "Swap Read MBytes/sec", "SWR/s", "swap_read_mib_s", .mebibytes, .rate,
      "memory of it swapped in per second"),
    EsxCounter(
      [.groupMemory], "Swap Written MBytes/sec", "SWW/s", "swap_written_mib_s", .mebibytes, .rate,
      "memory of it swapped out per second"),
    EsxCounter(
      [.groupMemory], "Llswap Read MBytes/sec", "LLSWR/s", "cache_read_mib_s", .mebibytes, .rate,
      "the same from the host's swap cache"),
    EsxCounter(
      [.groupMemory], "Compressed Memory MBytes", "CACHESZ", "compressed_mib", .mebibytes, .level,
      "memory of it that is compressed"),
    EsxCounter(
      [.groupMemory], "Decompression MBytes/sec", "UNZIP/s", "decompressed_mib_s", .mebibytes,
      .rate, "memory of it decompressed per second"),
    EsxCounter(
      [.groupMemory], "Numa Home Nodes", "NHN", "numa_home", .count, .level,
      "its home node"),
    EsxCounter(
      [.groupMemory], "Numa Rebalance Count Delta", "NMIG", "numa_moves", .count, .level,
      "how often its home node changed in the interval"),
    EsxCounter(
      [.groupMemory], "Numa Remote Memory MBytes", "NRMEM", "numa_remote_mib", .mebibytes, .level,
      "memory of it on other nodes"),
    EsxCounter(
      [.groupMemory], "Numa Local Memory MBytes", "NLMEM", "numa_local_mib", .mebibytes, .level,
      "memory of it on its home node"),
    EsxCounter(
      [.groupMemory], "Numa % Local", "N%L", "numa_local_pct", .percent, .level,
      "the part of its memory on its home node; 0 where the host has one node"),
  ]

  private static let diskCounters: [EsxCounter] = [
    EsxCounter(
      allDisks, "Commands/sec", "CMDS/s", "commands_per_s", .count, .rate,
      "commands completed per second"),
    EsxCounter(allDisks, "Reads/sec", "READS/s", "reads_per_s", .count, .rate, "reads per second"),
    EsxCounter(
      allDisks, "Writes/sec", "WRITES/s", "writes_per_s", .count, .rate, "writes per second"),
    EsxCounter(
      allDisks, "MBytes Read/sec", "MBREAD/s", "read_mib_s", .mebibytes, .rate, "read per second"),
    EsxCounter(
      allDisks, "MBytes Written/sec", "MBWRTN/s", "written_mib_s", .mebibytes, .rate,
      "written per second"),
    EsxCounter(
      disks, "Device Q Depth", "DQLEN", "device_depth_limit", .count, .level,
      "commands that ESXi sends to the device at once, at most"),
    EsxCounter(
      disks, "World Q Depth", "WQLEN", "world_depth_limit", .count, .level,
      "the same for one VM"),
    EsxCounter(
      disks, "Active Commands", "ACTV", "active", .count, .level,
      "commands on the device at the moment"),
    EsxCounter(
      disks, "Queued Commands", "QUED", "queued", .count, .level,
      "commands in ESXi's queue at the moment"),
    EsxCounter(
      disks, "Average Driver MilliSec/Command", "DAVG/cmd", "device_ms", .milliseconds, .mean,
      "mean time below ESXi: driver, adapter, fabric, array"),
    EsxCounter(
      disks, "Average Kernel MilliSec/Command", "KAVG/cmd", "kernel_ms", .milliseconds, .mean,
      "mean time in ESXi, its queue included"),
    EsxCounter(
      disks, "Average Queue MilliSec/Command", "QAVG/cmd", "queue_ms", .milliseconds, .mean,
      "mean time in ESXi's queue, part of KAVG"),
    EsxCounter(
      disks, "Average Guest MilliSec/Command", "GAVG/cmd", "guest_ms", .milliseconds, .mean,
      "mean time of both: DAVG + KAVG"),
    EsxCounter(
      disks, "Aborts/sec", "ABRTS/s", "aborts_per_s", .count, .rate, "commands given up per second"),
    EsxCounter(
      disks, "Resets/sec", "RESETS/s", "resets_per_s", .count, .rate, "resets per second"),
    EsxCounter(
      disks, "Failed Commands/sec", "FCMDS/s", "failed_per_s", .count, .rate,
      "commands that failed per second"),
    EsxCounter(
      [.virtualDisk], "Average MilliSec/Read", "LAT/rd", "read_ms", .milliseconds, .mean,
      "mean time of a read, from the VM's controller on"),
    EsxCounter(
      [.virtualDisk], "Average MilliSec/Write", "LAT/wr", "write_ms", .milliseconds, .mean,
      "mean time of a write, from the VM's controller on"),
    EsxCounter(
      [.datastore], "Average Guest MilliSec/Command", "GAVG/cmd", "guest_ms", .milliseconds, .mean,
      "mean time"),
    EsxCounter(
      [.datastore], "Average Guest MilliSec/Read", "GAVG/rd", "read_ms", .milliseconds, .mean,
      "mean time of a read"),
    EsxCounter(
      [.datastore], "Average Guest MilliSec/Write", "GAVG/wr", "write_ms", .milliseconds, .mean,
      "mean time of a write"),
  ]

  private static let netCounters: [EsxCounter] = [
    EsxCounter(
      [.port], "Packets Transmitted/sec", "PKTTX/s", "tx_packets_per_s", .count, .rate,
      "packets that the port's owner sent per second"),
    EsxCounter(
      [.port], "Packets Received/sec", "PKTRX/s", "rx_packets_per_s", .count, .rate,
      "packets that it received per second"),
    EsxCounter(
      [.port], "Average Packet Size  Transmitted (Bytes)", "PSZTX", "tx_packet_bytes", .bytes,
      .mean, "mean size of the packets it sent"),
    EsxCounter(
      [.port], "Average Packet Size  Received (Bytes)", "PSZRX", "rx_packet_bytes", .bytes, .mean,
      "mean size of the packets it received"),
    EsxCounter(
      [.port], "% Outbound Packets Dropped", "%DRPTX", "tx_dropped_pct", .percent, .share,
      "packets dropped of those it sent"),
    EsxCounter(
      [.port], "% Received Packets Dropped", "%DRPRX", "rx_dropped_pct", .percent, .share,
      "packets dropped of those for it"),
    EsxCounter(
      [.port], "Link Speed (Mb/s)", "SPEED", "link_mbit_s", .count, .level,
      "speed of its link, Mbit/s"),
  ]
}
