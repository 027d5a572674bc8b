extension KnownOutputs {
  /// Tools and files by one of their lines, the more exact ones first.
  static let list: [KnownOutput] =
    machine + sysstat + processes + proc + network + virtual + tracers + others

  /// What tools that we read print without the options that we need.
  private static let machine = [
    KnownOutput(
      beginning: "Architecture:", none: ["\""],
      advice: "this is lscpu without a list of CPUs; save the table of CPUs: lscpu -p > FILE"),
    KnownOutput(
      beginning: "\"field\":", all: ["\"data\":"],
      advice: "this is lscpu -J; save the table of CPUs: lscpu -p > FILE"),
    KnownOutput(
      beginning: "driver: ",
      advice: "this is ethtool -i; save the counters: ethtool -S INTERFACE > FILE"),
    KnownOutput(
      beginning: "Settings for ",
      advice: "this is ethtool without options; save the counters: ethtool -S INTERFACE > FILE"),
    KnownOutput(
      beginning: "Features for ",
      advice: "this is ethtool -k; save the counters: ethtool -S INTERFACE > FILE"),
    KnownOutput(
      beginning: "Coalesce parameters for ",
      advice: "this is ethtool -c; save the counters: ethtool -S INTERFACE > FILE"),
    KnownOutput(
      beginning: "Channel parameters for ",
      advice: "this is ethtool -l; save the counters: ethtool -S INTERFACE > FILE"),
    // `/boot/grub2/grubenv: 1 extent found`
    KnownOutput(
      any: [" extent found", " extents found"],
      advice: "this is filefrag without the extents; save them: filefrag -v FILE"),
  ]

  /// sysstat's tools without what can be used.
  private static let sysstat = [
    // `12:06:39 PM   UID       PID    %usr %system  %guest   %wait    %CPU   CPU  Command`
    KnownOutput(
      all: ["PID", "Command"],
      any: [
        "%usr", "%user", "kB_rd/s", "minflt/s", "cswch/s", "StkSize", "threads", "prio", "usr-ms",
      ],
      advice: without("pidstat", "pidstat -u -d 1")),
    KnownOutput(all: ["avg-cpu:"], advice: iostat),
    KnownOutput(beginning: "Device", any: [" tps ", " r/s ", " rrqm/s "], advice: iostat),
    // `CPU %usr %nice %sys %iowait %steal %irq %soft %guest %gnice %idle`: sar -u ALL. mpstat has %irq
    // before %steal.
    KnownOutput(
      inOrder: [" CPU ", "%steal", "%irq", "%idle"],
      advice: without("sar", "sar -u ALL -q -d -n DEV,EDEV 1")),
    KnownOutput(
      all: [" CPU ", "%irq", "%idle"],
      advice: without("mpstat", "mpstat -P ALL 1")),
    KnownOutput(
      all: ["%usr", "%irq"], any: [" NODE ", " CORE "],
      advice: without("mpstat", "mpstat -P ALL 1")),
    KnownOutput(
      all: [" CPU "], any: [" intr/s", " 0/s ", " HI/s "], none: ["INTR"],
      advice: without("mpstat -I", "mpstat -P ALL 1")),
    KnownOutput(
      all: [" CPU ", "%user", "%system"], advice: without("sar", "sar -u ALL -q -d -n DEV,EDEV 1")),
    KnownOutput(
      any: [" rxpck/s", " rxerr/s", " totsck", " active/s", " irec/s", " iseg/s"],
      advice: without("sar -n", "sar -n DEV,EDEV 1")),
    KnownOutput(
      any: [" rtps ", " DEV  "], none: ["rx"],
      advice: without("sar of disks", "sar -d 1")),
    KnownOutput(
      any: [
        " runq-sz", " kbmemfree", " kbswpfree", " pgpgin/s", " pswpin/s", " proc/s", " dentunusd",
        " kbhugfree", " INTR ", " rcvin/s", " MHz", " degC", "%scpu-10", "%smem-10", "%sio-10",
        "LINUX RESTART",
      ], advice: without("sar", "sar -u ALL -q -d -n DEV,EDEV 1")),
  ]

  /// The file has other sections of this tool, but not this one.
  private static func without(_ tool: String, _ command: String) -> String {
    "this is \(tool) without a row of values that are used; save such rows: LC_ALL=C \(command) > FILE"
  }

  private static let iostat =
    "this is iostat without a report of an interval; save such reports with dates: iostat -xt 1 > FILE"

  private static let top =
    "this is top without a report of an interval (its first one is of the time since boot); save several with a date "
    + "before them: (date; LC_ALL=C top -b -d 1 -n 60) > FILE"

  /// Lists of processes and what they use.
  private static let processes = [
    KnownOutput(beginning: "top - ", advice: top),
    KnownOutput(any: ["%Cpu(s):", "Cpu(s):"], advice: top),
    // `CPU:   5% usr   2% sys   0% nic  92% idle   0% io   0% irq   0% sirq`
    KnownOutput(
      beginning: "CPU:", inOrder: ["% usr", "% sys", "% nic", "% idle"],
      advice:
        "this is top of busybox, which has no stolen time and whole percents; \(Advice.cpu)"),
    KnownOutput(
      beginning: "last pid:",
      advice: "this is top of another system than Linux; only the tools of Linux are read"),
    KnownOutput(all: ["PID", "USER", "TIME+"], advice: top),
    KnownOutput(
      beginning: "Total DISK READ",
      advice: "this is iotop, whose averages nothing here uses; \(Advice.disks)"),
    KnownOutput(
      beginning: "ATOP - ", advice: "this is atop, whose averages nothing here uses; \(Advice.cpu)"),
    KnownOutput(
      any: ["total-cpu-usage--", "total-usage--"],
      advice: "this is dstat, whose averages nothing here uses; \(Advice.cpu)"),
    KnownOutput(
      beginning: "AAA,", any: ["progname", "host,", "date,", "interval,"],
      advice: "this is nmon, whose averages nothing here uses; \(Advice.cpu)"),
    KnownOutput(
      beginning: "#<----",
      advice: "this is collectl, whose averages nothing here uses; \(Advice.cpu)"),
    // `USER PID %CPU %MEM VSZ RSS TTY STAT START TIME COMMAND`, `UID PID PPID C STIME TTY TIME CMD`
    KnownOutput(
      all: ["PID"], any: [" CMD", " COMMAND"], none: ["TID", "LWP", "SPID", "DISK", "usecs"],
      advice: "this is a list of processes (ps), which has no threads; \(Advice.threads)"),
    KnownOutput(
      all: [" up ", "load average"],
      advice: "this is uptime or w, whose averages nothing here uses; \(Advice.cpu)"),
    KnownOutput(
      all: ["total", "used", "free", "shared"],
      advice: "this is free, which nothing here uses; \(Advice.memory)"),
    KnownOutput(
      beginning: "Filesystem", any: ["Use%", "Mounted on", "IUse%"],
      advice: "this is df, which nothing here uses; save the disks: lsblk -J -b -o "
        + "NAME,MAJ:MIN,PKNAME,SIZE,TYPE,MOUNTPOINT,START > FILE"),
  ]

  /// Files of /proc and tools that print them.
  private static let proc = [
    KnownOutput(
      beginning: "MemTotal:",
      advice: "this is /proc/meminfo, which nothing here uses; \(Advice.memory)"),
    KnownOutput(
      beginning: "MemFree:",
      advice: "this is /proc/meminfo, which nothing here uses; \(Advice.memory)"),
    KnownOutput(
      beginning: "CPU0 ", all: ["CPU1"],
      advice: "this is /proc/interrupts or /proc/softirqs, which nothing here uses; \(Advice.cpu)"),
    KnownOutput(
      beginning: "slabinfo - version",
      advice: "this is /proc/slabinfo; save its table as vmstat prints it: vmstat -m > FILE"),
    KnownOutput(
      beginning: "Active / Total Objects",
      advice: "this is slabtop; save its table as vmstat prints it: vmstat -m > FILE"),
    KnownOutput(
      beginning: "Node ", all: [", zone "],
      advice: "this is /proc/buddyinfo or /proc/zoneinfo, which nothing here uses; \(Advice.memory)"
    ),
    KnownOutput(
      beginning: "major minor", all: ["#blocks"],
      advice: "this is /proc/partitions; save the disks: lsblk -J -b -o "
        + "NAME,MAJ:MIN,PKNAME,SIZE,TYPE,MOUNTPOINT,START > FILE"),
    // `processor       : 0`
    KnownOutput(
      beginning: "processor\t:",
      advice: "this is /proc/cpuinfo; save the table of CPUs: lscpu -p > FILE"),
    KnownOutput(
      beginning: "Sched Debug Version",
      advice: "this is sched_debug, which nothing here uses; \(Advice.tasks)"),
    // `qemu-system-x86 (2832, #threads: 8)`
    KnownOutput(
      all: ["#threads:"],
      advice: "this is /proc/PID/sched, which nothing here uses; \(Advice.tasks)"),
    KnownOutput(
      beginning: "se.exec_start", all: [":"],
      advice: "this is /proc/PID/sched, which nothing here uses; \(Advice.tasks)"),
    KnownOutput(
      beginning: "Name:\t",
      advice: "this is /proc/PID/status, which nothing here uses; \(Advice.tasks)"),
    KnownOutput(
      beginning: "rchar: ", advice: "this is /proc/PID/io, which nothing here uses; \(Advice.disks)"
    ),
    // `2832 (qemu-system-x86) S 1 2832 ...`
    KnownOutput(
      any: [") S 1 ", ") R 1 ", ") D 1 "], none: ["["],
      advice: "this is /proc/PID/stat, which nothing here uses; \(Advice.tasks)"),
  ]

  /// Networks.
  private static let network = [
    // `  TX packets:1000000 errors:0 dropped:40000 aborted:0 carrier:0`, `  port 1: vnet0 (internal)`
    KnownOutput(all: ["TX packets:", " aborted:", " carrier:"], advice: openVSwitch),
    KnownOutput(beginning: "lookups: hit:", advice: openVSwitch),
    KnownOutput(
      beginning: "port ", all: [": "], any: [" (internal)", " (tap)"], advice: openVSwitch),
    // `entries  in_hit in_slow_tot ...`, `entries  clashres found ...`, `entries,allocs,...`
    KnownOutput(
      beginning: "entries  ", any: ["in_hit", "clashres", "searched", "allocs", "syn_received"],
      advice:
        "this is a table of /proc/net/stat, not softnet_stat; save /proc/net/softnet_stat in a loop: "
        + "while sleep 1; do date +%s.%N; cat /proc/net/softnet_stat; done > FILE"),
    KnownOutput(
      beginning: "cpu=", all: ["found=", "insert_failed="],
      advice: "this is conntrack -S, which nothing here uses; \(Advice.network)"),
    KnownOutput(
      beginning: "Ip: Forwarding", advice: snmp("/proc/net/snmp")),
    KnownOutput(beginning: "TcpExt: ", advice: snmp("/proc/net/netstat")),
    KnownOutput(beginning: "#kernel", advice: snmp("nstat")),
    KnownOutput(beginning: "IpInReceives ", advice: snmp("nstat")),
    KnownOutput(beginning: "Ip6InReceives ", advice: snmp("/proc/net/snmp6")),
    KnownOutput(all: ["total packets received"], advice: snmp("netstat -s")),
    KnownOutput(beginning: "Forwarding: ", advice: snmp("netstat -s")),
    KnownOutput(beginning: "Kernel Interface table", advice: interfaces("netstat -i")),
    KnownOutput(beginning: "Active Internet connections", advice: interfaces("netstat")),
    KnownOutput(
      beginning: "Netid", all: ["State", "Recv-Q"], advice: interfaces("ss")),
    KnownOutput(beginning: "State ", all: ["Recv-Q", "Send-Q"], advice: interfaces("ss")),
    KnownOutput(beginning: "sockets: used ", advice: interfaces("/proc/net/sockstat")),
    KnownOutput(beginning: "sl  local_address", advice: interfaces("/proc/net/tcp")),
  ]

  private static func snmp(_ name: String) -> String {
    "this is \(name), whose counters of protocols nothing here uses; \(Advice.network)"
  }

  private static func interfaces(_ name: String) -> String {
    "this is \(name), which nothing here uses; save the counters of interfaces: ip -s -s link > FILE"
  }

  /// Hypervisors.
  private static let virtual = [
    KnownOutput(
      beginning: "VCPU: ",
      advice: "this is virsh vcpuinfo, which nothing here uses; \(Advice.tasks)"),
    KnownOutput(
      beginning: "Id ", all: ["Name", "State"],
      advice: "this is virsh list; save each guest's command line: "
        + "tr '\\0' ' ' < /proc/$PID/cmdline > FILE"),
    KnownOutput(
      beginning: "OS Type:",
      advice: "this is virsh dominfo, which nothing here uses; \(Advice.threads)"),
    KnownOutput(
      beginning: "Scheduler      :",
      advice: "this is virsh schedinfo, which nothing here uses; \(Advice.tasks)"),
    KnownOutput(
      all: [" rd_req "],
      advice: "this is virsh domblkstat, which nothing here uses; \(Advice.disks)"),
    KnownOutput(
      all: [" rx_bytes "], none: [":"],
      advice: "this is virsh domifstat, which nothing here uses; save the counters of interfaces: "
        + "ip -s -s link > FILE"),
    KnownOutput(
      beginning: "kvm statistics",
      advice:
        "this is kvm_stat, which nothing here uses; record the exits: trace-cmd record -e kvm:kvm_exit "
        + "-e kvm:kvm_entry"),
    KnownOutput(
      beginning: "Analyze events for ",
      advice:
        "this is perf kvm stat, which nothing here uses; give the perf.data that it was made of"),
    KnownOutput(
      beginning: "\"(PDH-CSV ",
      advice: "this is a table of esxtop -b or of Windows' counters, which nothing here reads"),
    KnownOutput(
      beginning: "virt-top ",
      advice: "this is virt-top, whose averages nothing here uses; \(Advice.tasks)"),
  ]

  /// Tools that trace and keep sums.
  private static let tracers = [
    // `==================== All Devices ====================`, `ALL  MIN  AVG  MAX  N`
    KnownOutput(
      beginning: "====", any: [" All Devices ", " Per Process ", " Per Device "], advice: btt),
    KnownOutput(beginning: "ALL ", inOrder: [" MIN ", " AVG ", " MAX ", " N"], advice: btt),
    // `app [000]  1000.000012: block:block_rq_issue: 254,0 WS 4096 () 4510560 + 8 [app]`
    KnownOutput(
      any: [
        " block:block_rq_", " block:block_bio_", " sched:sched_switch: ", " sched:sched_wak",
        " block_rq_issue: ", " block_rq_complete: ", " sched_switch: ",
      ], isVague: true,
      advice:
        "its lines have events of the kernel without what places them; print thread, CPU, time, event and payload: "
        + "perf script -F comm,tid,cpu,time,event,trace -i FILE > FILE.txt, or give perf.data or trace.dat itself"
    ),
    KnownOutput(
      beginning: "Performance counter stats for",
      advice:
        "this is perf stat, whose counts nothing here uses; record the scheduler: perf sched record"
    ),
    KnownOutput(
      beginning: "# Overhead",
      advice: "this is perf report; give the perf.data that it was made of"),
    KnownOutput(
      beginning: "TIME(s)", all: ["COMM"], none: ["LAT("],
      advice:
        "this is a tool of bcc, which nothing here uses; save each I/O: (date; biosnoop -Q) > FILE"
    ),
    KnownOutput(
      all: ["secs ", ": count", "distribution"],
      advice:
        "this is a histogram of bcc, and no line says of which tool; save biolatency's or runqlat's with its first line"
    ),
    KnownOutput(
      beginning: "Starting ", any: [" process", " thread"], none: [":", "..."],
      advice: "this is fio without the sums of a job; save all that it prints: fio JOBFILE > FILE"),
  ]

  private static let openVSwitch =
    "this is ovs-dpctl, whose counters nothing here uses; save those of its interfaces: while sleep 1; do date "
    + "+%s.%N; ip -s -s link; done > FILE"

  private static let btt =
    "this is btt, whose averages nothing here uses; give the files of blktrace that it was made of, or their text: "
    + "blkparse -i DISK > FILE.txt"

  /// All else that lies beside.
  private static let others = [
    KnownOutput(
      all: [" bytes from ", "icmp_seq="], advice: "this is ping, which nothing here uses"),
    KnownOutput(
      beginning: "Module ", all: ["Size", "Used by"],
      advice: "this is lsmod, which nothing here uses"),
    KnownOutput(
      beginning: "[    0.000000] ",
      advice: "this is the kernel's log (dmesg), which nothing here uses"),
    KnownOutput(
      beginning: "-- Logs begin at ",
      advice: "this is journalctl, which nothing here uses"),
    KnownOutput(
      beginning: "vm.", all: [" = "], advice: "this is sysctl, which nothing here uses"),
  ]
}
