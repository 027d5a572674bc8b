import Foundation
import Testing
import TraceModel

@testable import TraceIngest

/// Reads text as a file of its own would be read; at most 10 % of its lines may be bad.
private func read(
  _ text: String, as format: (any TraceFormat)? = nil
) throws -> (RecordedCounters, SourceSummary) {
  let path = FileManager.default.temporaryDirectory
    .appending(path: "hiddenq-\(UUID().uuidString).txt").path
  try Data(text.utf8).write(to: URL(filePath: path))
  defer { try? FileManager.default.removeItem(atPath: path) }
  let sink = RecordedCounters()
  var options = IngestOptions()
  options.format = format
  let summary = try IngestRun(source: ByteSource(path: path), options: options).read(into: sink)
  return (sink, summary)
}

/// What a refused file is said to be.
private func refusal(_ text: String, as format: (any TraceFormat)? = nil) -> String? {
  do {
    let (_, summary) = try read(text, as: format)
    return "read as \(summary.format)"
  } catch let error as IngestError {
    switch error {
    case .unrecognized(let hint): return hint
    case .empty: return "empty"
    case .noEvents(let format, let line, _): return "no events of \(format): \(line)"
    default: return "\(error)"
    }
  } catch {
    return "\(error)"
  }
}

private func count(_ kind: ProblemKind, _ summary: SourceSummary) -> Int64 {
  summary.problems.first { $0.kind == kind }?.count ?? 0
}

/// Tables by their format, and how many events each has.
private let tables: [(format: String, text: String)] = [
  (
    "vmstat",
    """
    procs -----------memory---------- ---swap-- -----io---- -system-- ------cpu-----
     r  b   swpd   free   buff  cache   si   so    bi    bo   in   cs us sy id wa st
     1  0      0 812344  10240 655360    0    0     1     4   80  100  2  1 96  1  0
     4  0      0 812300  10240 655360    0    0     0    40 1800 2500 50 10 10  0 30

    """
  ),
  (
    "numactl",
    """
    available: 2 nodes (0-1)
    node 0 cpus: 0 1
    node 0 size: 1970 MB
    node distances:
    node   0   1
      0:  10  21

    """
  ),
  ("lscpu", "# The following is the parsable format\n# CPU,Core,Socket,Node\n0,0,0,0\n1,0,0,0\n"),
  ("ps", "  PID   TID PSR COMMAND\n18571 18579   1 CPU 0/KVM\n18571 18580   0 IO io1\n"),
  (
    "lsblk",
    "NAME   MAJ:MIN RM SIZE RO TYPE MOUNTPOINT\nvda    254:0    0  10G  0 disk\n└─vda1 254:1    0  10G  0 part /\n"
  ),
  ("lsblk", "{\"blockdevices\": [\n  {\"name\": \"sda\", \"maj:min\": \"8:0\"}\n]}\n"),
  (
    "qmp",
    "{\"return\": [{\"thread-id\": 25627, \"props\": {\"thread-id\": 0}, \"cpu-index\": 3}]}\n"
  ),
  ("dmsetup", "vg-lv: 0 41943040 linear 8:2 2048\n"),
  (
    "filefrag",
    """
    File size of disk.img is 270139392 (65952 blocks of 4096 bytes)
     ext:     logical_offset:        physical_offset: length:   expected: flags:
       0:        0..      48:     151552..    151600:     49:             last,eof

    """
  ),
  (
    "queue-settings",
    "/sys/block/vdb/queue/nr_requests:256\n/sys/block/vdb/queue/scheduler:[none] mq-deadline\n"
  ),
  ("qemu-cmdline", "qemu-system-x86_64 -name guest=web1 -smp 2\n"),
  (
    "numastat",
    "                           node0           node1\nnuma_hit                  575343          983088\n"
  ),
  (
    "ip-link",
    "2: eth0: <UP> mtu 1500\n    RX:  bytes packets errors dropped  missed   mcast\n          12       3      0       4       0       0\n"
  ),
  ("proc-diskstats", " 254  16 vdb 12 2 106 130 4331 237 75040 82354 0 21904 90490\n"),
  ("proc-stat", "cpu  721 0 2407 4640 496 0 425 1001 0 0\nctxt 135462\n"),
  ("proc-vmstat", "nr_free_pages 75585\npgfault 1234\n"),
  (
    "softnet",
    "00008e78 00000001 f003eca7 00000000 00000000 00000000 00000000 00000000 00000020\n"
  ),
]

@Suite struct CommandsAroundTables {
  /// What people have before and behind an output. `COMMAND` is replaced.
  static let prompts = [
    "$ COMMAND", "# COMMAND", "+ COMMAND", "++ COMMAND", "COMMAND", "[root@web1 ~]# COMMAND",
    "user@web1:~$ COMMAND", "root@kvm7:/var/log# COMMAND", "web1:~ # COMMAND",
    "web1:/tmp # COMMAND",
    "web1# COMMAND", "bash-5.1$ COMMAND", "sh-4.4# COMMAND", "/ # COMMAND", "~ $ COMMAND",
    "localhost ~ # COMMAND", "(venv) me@web1:~/x$ COMMAND", "=== COMMAND ===", "### COMMAND ###",
    "---------- COMMAND ----------", "Command: COMMAND", "[10:15:01] root@web1:~# COMMAND",
  ]

  static let commands = [
    "vmstat": "vmstat 1 2", "numactl": "numactl -H", "lscpu": "lscpu -p", "lsblk": "lsblk -J",
    "ps": "ps -eLo pid,tid,psr,comm", "dmsetup": "dmsetup table",
    "filefrag": "filefrag -v disk.img",
    "queue-settings": "cat /sys/block/vdb/queue/nr_requests", "numastat": "sudo numastat",
    "qmp": "virsh qemu-monitor-command web1 '{\"execute\": \"query-cpus-fast\"}'",
    "qemu-cmdline": "cat /proc/2832/cmdline", "ip-link": "ip -s link",
    "softnet":
      "cat /proc/net/softnet_stat", "proc-diskstats": "cat /proc/diskstats",
    "proc-stat":
      "while sleep 1; do date; cat /proc/stat; done", "proc-vmstat": "LC_ALL=C cat /proc/vmstat",
  ]

  @Test("a command before, between and behind any table is a notice", arguments: prompts)
  func notices(_ prompt: String) throws {
    for (format, table) in tables {
      let (alone, plain) = try read(table)
      #expect(plain.format == format)
      #expect(plain.skippedLines == 0)
      let command = prompt.replacing("COMMAND", with: Self.commands[format] ?? "")
      let end = prompt.contains("COMMAND ") ? command : prompt.replacing("COMMAND", with: "date")
      let texts = [
        command + "\n" + table, "\u{FEFF}" + command + "\n" + table,
        (command + "\n" + table).replacing("\n", with: "\r\n"),
        command + "\n" + table + end + "\n",
        command + "\n" + table + command + "\n" + table + end + "\n",
      ]
      for (index, text) in texts.enumerated() {
        let (sink, summary) = try read(text)
        let times = index == 4 && format != "qemu-cmdline" ? 2 : 1
        #expect(summary.format == format, "\(text)")
        #expect(summary.skippedLines == 0, "\(text)")
        #expect(summary.events == plain.events * Int64(times), "\(text)")
        #expect(sink.samples.count == alone.samples.count * times)
        #expect(sink.topology.count == alone.topology.count * times)
        let isNotice = prompt != "=== COMMAND ===" || summary.problems.isEmpty
        #expect(count(.toolNotice, summary) > 0 || isNotice, "\(text)")
        #expect(count(.otherOutput, summary) == 0, "\(text)")
      }
    }
  }

  @Test func whatScriptKeepsOfATerminalIsNoBadLine() throws {
    let (sink, summary) = try read(
      "Script started on 2026-10-07 10:15:01+00:00 [TERM=\"xterm\"]\n"
        + "\u{1B}]0;root@web1:~\u{07}\u{1B}[?2004h[root@web1 ~]# vmstat 1 2\r\n\u{1B}[?2004l\r\n"
        + tables[0].text + "\u{1B}[?2004h[root@web1 ~]# exit\n\nScript done on 2026-10-07\n")
    #expect(summary.format == "vmstat")
    #expect(summary.skippedLines == 0)
    #expect(sink.vmstat.count == 2)
  }

  @Test func aPromptWithoutACommandIsANotice() throws {
    for prompt in ["$", "[root@web1 ~]#", "web1:~ #", "user@web1:~$"] {
      let (_, summary) = try read(tables[0].text + prompt + "\n")
      #expect(summary.skippedLines == 0)
      #expect(count(.toolNotice, summary) == 1)
    }
  }

  @Test func rowsAndProseAreNoCommands() {
    for line in [
      "pgfault 12", "swap_ra 0", " 1  0      0 812344", "numa_hit 575343", "cpu0 1 2 3",
      "top of the list", "date of the incident", "free space was low", "     rx_packets: 5 # 6",
      "ps", "CPU 0/KVM", "ip addresses", "{\"a\": \"user@web1:~$ x\"}", "# a comment", "## 17",
      "vda 254:0 0 10G 0 disk /", "sda 1.00 # 5",
    ] {
      let bytes = Array(line.utf8)
      let isPS = line == "ps"
      #expect((CommandLine.bare(bytes.span, 0, bytes.count) != nil) == isPS, "\(line)")
      #expect(
        CommandLine.marked(bytes.span, 0, bytes.count) == nil || line.hasPrefix("{"), "\(line)")
    }
  }

  @Test func theMonitorsReplyIsOfTheGuestThatTheCommandNames() throws {
    let (sink, summary) = try read(
      """
      [root@kvm7 ~]# virsh qemu-monitor-command web1 --pretty '{"execute":"query-cpus-fast"}'
      {
        "return": [{"thread-id": 25627, "cpu-index": 3}]
      }
      [root@kvm7 ~]# virsh qemu-monitor-command --hmp web2 'info cpus'
      """)
    #expect(summary.format == "qmp")
    #expect(summary.skippedLines == 0)
    #expect(sink.topology.threads.map(\.guest) == ["web1"])
    #expect(count(.toolNotice, summary) == 2)
  }

  @Test func aLogOfTheHumanMonitorHasItsPrompts() throws {
    let (sink, summary) = try read(
      "(qemu) info cpus\n* CPU #0: thread_id=25627\n  CPU #1: thread_id=25628\n(qemu) \n")
    #expect(summary.format == "ps")
    #expect(summary.skippedLines == 0)
    #expect(sink.topology.threads.map(\.vcpu) == [0, 1])
    let (json, _) = try read(
      "{\"return\": \"* CPU #0: thread_id=25627\\r\\n  CPU #1: thread_id=25628\\r\\n\", \"id\": \"x\"}\n"
        + "{\"return\": [{\"thread-id\": 7, \"id\": \"io1\"}]}\n")
    #expect(json.topology.threads.map(\.tid) == [25627, 25628, 7])
  }
}

@Suite struct SeveralCommandsInOneFile {
  private let support = """
    =============================================================================
                         Support Utilities - Supportconfig
                              Script Version: 3.1.11-46.2
    =============================================================================

    #==[ Command ]======================================#
    # /bin/date
    Wed Oct  7 10:15:01 CEST 2026

    #==[ Command ]======================================#
    # /bin/uname -a
    Linux web1 5.3.18-24.37-default #1 SMP Wed Nov 11 11:11:11 UTC 2020 (abc) x86_64 GNU/Linux

    #==[ Command ]======================================#
    # /usr/bin/uptime
     10:15am  up 46 days 20:48,  1 user,  load average: 4.34, 4.19, 4.15

    #==[ Command ]======================================#
    # /usr/bin/vmstat 1 3
    \(tables[0].text)
    #==[ Command ]======================================#
    # /usr/bin/free -k
                  total        used        free      shared  buff/cache   available
    Mem:        8173956     6969612      496288       12345      708056      894700

    #==[ Command ]======================================#
    # /bin/ps axwwo user,pid,ppid,%cpu,%mem,vsz,rss,stat,time,cmd
    USER       PID  PPID %CPU %MEM    VSZ   RSS STAT     TIME CMD
    root         1     0  0.0  0.1 225000  9000 Ss   00:00:09 /usr/lib/systemd/systemd
    root       101     2  0.0  0.0      0     0 S    00:00:00 [kworker/1]
    qemu      2832     1 75.0  0.0 100000 20000 Sl   00:12:34 /usr/bin/qemu-system-x86_64 -name web1 -smp 2
    root       102     2  0.0  0.0      0     0 S    00:00:00 [kworker/2]

    #==[ Command ]======================================#
    # /usr/bin/numactl --hardware
    \(tables[1].text)
    #==[ Configuration File ]===========================#
    # /proc/sys/vm/swappiness
    60

    """

  @Test func tablesOfOursAreReadAndTheOthersCounted() throws {
    for text in [support, support.replacing("\n", with: "\r\n")] {
      let (sink, summary) = try read(text)
      #expect(summary.format == "vmstat")
      #expect(summary.skippedLines == 0)
      #expect(sink.vmstat.map { $0.values[VmstatColumn.st.rawValue] } == [0, 30])
      #expect(sink.vmstat.map(\.isSinceBoot) == [true, false])
      let begin = WallTime(nanoseconds: 1_791_360_901_000_000_000, utcOffset: 7200)
      #expect(sink.vmstat.map(\.runStart) == [begin, begin])
      // The second row came a second later, as the command says.
      #expect(summary.first.nanoseconds == begin.nanoseconds)
      #expect(summary.last.nanoseconds == begin.nanoseconds + 1_000_000_000)
      #expect(sink.topology.cpus.map(\.cpu) == [0, 1])
      #expect(sink.topology.settings.map(\.name) == ["-name", "-smp", "pid"])
      #expect(sink.topology.settings.map(\.object) == ["web1", "web1", "web1"])
      // Two lines of the title, uname's is a notice, uptime, free's two, ps' four, and the setting.
      #expect(count(.otherOutput, summary) == 11)
    }
  }

  @Test func outputsOfOtherToolsAreKnownWithoutACommand() throws {
    let (sink, summary) = try read(
      """
      Wed Oct  7 10:15:01 UTC 2026
                    total        used        free      shared  buff/cache   available
      Mem:        8173956     6969612      496288       12345      708056      894700
      Swap:       2097148     1747536      349612
      \(tables[0].text)
      Linux 6.1.0 (web1) 	10/07/26 	_x86_64_	(2 CPU)

      avg-cpu:  %user   %nice %system %iowait  %steal   %idle
                 2.00    0.00    1.00    1.00    0.00   96.00

      Device            r/s     rkB/s   rrqm/s  %util
      vda              1.00      4.00     0.00   0.10

      nr_throttled_written 0
      nr_dirty 5
      nr_periods 12000
      nr_throttled 3400
      oom_kill 1
      """)
    #expect(summary.format == "vmstat")
    #expect(summary.skippedLines == 0)
    #expect(sink.vmstat.count == 2)
    #expect(sink.vmstat[0].runStart?.utcOffset == 0)
    #expect(sink.series("proc-vmstat machine ", "nr_dirty") == [5])
    #expect(sink.series("proc-vmstat machine ", "oom_kill") == [])
    #expect(sink.series("iostat disk vda", "%util") == [10])
    #expect(count(.otherOutput, summary) == 4)
  }

  @Test func aTraceOfAScriptHasDatesAndOtherCommands() throws {
    let (sink, summary) = try read(
      """
      + date +%s.%N
      1791367872.5
      + free -m
                    total        used        free      shared  buff/cache   available
      Mem:           7982        6806         484          12         691         873
      + cat /proc/diskstats
       254  16 vdb 12 2 106 130 4331 237 75040 82354 0 21904 90490
      + cat /proc/net/stat/nf_conntrack
      entries  clashres found new invalid ignore delete chainlength insert insert_failed drop early_drop icmp_error  expect_new expect_create expect_delete search_restart
      00000005  00000000 00000000 00000000 00000001 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000  00000000 00000000 00000000 00000000
      + ./script.sh
      something of its own
      """)
    #expect(summary.format == "proc-diskstats")
    #expect(summary.skippedLines == 0)
    #expect(sink.moments.map { $0.wall?.nanoseconds } == [1_791_367_872_500_000_000])
    #expect(sink.series("proc-diskstats disk 254,16 vdb", "reads") == [12])
    #expect(sink.objects.count == 1)
    #expect(count(.otherOutput, summary) == 5)
  }

  @Test func factsOfSeveralCommandsAreAllRead() throws {
    let (sink, summary) = try read(
      """
      $ lscpu -e
      CPU NODE SOCKET CORE L1d:L1i:L2:L3 ONLINE
        0    0      0    0 0:0:0:0          yes
      $ lsblk
      NAME   MAJ:MIN RM SIZE RO TYPE MOUNTPOINT
      vda    254:0    0  10G  0 disk
      `-vda1 254:1    0  10G  0 part /
      $ cat /sys/block/vda/queue/scheduler
      [none] mq-deadline
      $ dmsetup table
      vg-lv: 0 41943040 linear 8:2 2048
      $ \(CommandsAroundTables.commands["ps"] ?? "")
      \(tables[3].text)
      """)
    #expect(summary.skippedLines == 0)
    #expect(sink.topology.disks.map(\.name) == ["vda", "vda1"])
    #expect(sink.topology.extents.map(\.object) == ["vg-lv"])
    #expect(sink.topology.threads.map(\.tid) == [18579, 18580])
    #expect(sink.topology.cpus.map(\.cpu) == [0])
    #expect(count(.otherOutput, summary) == 1)
  }

  @Test func filesThatTailPrints() throws {
    let (sink, summary) = try read(
      """
      ==> /proc/meminfo <==
      MemTotal:        8173956 kB
      MemFree:          496288 kB

      ==> /proc/vmstat <==
      nr_free_pages 7
      oom_kill 3

      ==> /sys/fs/cgroup/cpu.stat <==
      usage_usec 123
      nr_periods 5

      ==> /proc/stat <==
      cpu  721 0 2407 4640 496 0 425 1001 0 0
      """)
    #expect(summary.skippedLines == 0)
    #expect(sink.series("proc-vmstat machine ", "oom_kill") == [3])
    #expect(sink.series("proc-stat machine ", "steal") == [1001])
    #expect(sink.counters.allSatisfy { $0.name != "usage_usec" })
    #expect(sink.series("cpu.stat service cgroup", "periods") == [5])
    #expect(count(.otherOutput, summary) == 2)
  }

  @Test func aBadLineOfATableOfOursStaysBad() throws {
    #expect(
      refusal("$ vmstat 1\n" + tables[0].text + " 4  0      0 8123\n")?.contains("tooMany") == true)
    let (_, summary) = try read(
      "$ cat /proc/stat\n"
        + String(repeating: "cpu  721 0 2407 4640 496 0 425 1001 0 0\n", count: 20)
        + "cpu  721 0 x 4640\n")
    #expect(summary.skippedLines == 1)
    #expect(count(.otherOutput, summary) == 0)
    // So does prose before a table when no command explains it.
    #expect(refusal("my notes\n" + tables[0].text)?.contains("tooMany") == true)
  }
}

@Suite struct NamesOfOtherOutputs {
  struct Row: CustomTestStringConvertible, Sendable {
    let name: String
    let text: String
    init(_ name: String, _ text: String) {
      self.name = name
      self.text = text
    }
    var testDescription: String { name }
  }

  private static let sysstat = "Linux 6.1.0 (web1) \t11/22/26 \t_x86_64_\t(2 CPU)\n\n"

  static let rows = [
    Row(
      "pidstat",
      sysstat
        + "12:06:39 PM   UID       PID    %usr %system  %guest   %wait    %CPU   CPU  Command\n"),
    Row(
      "pidstat",
      sysstat + "12:06:39      UID       PID   kB_rd/s   kB_wr/s kB_ccwr/s iodelay  Command\n"),
    Row(
      "mpstat",
      sysstat
        + "12:06:39     CPU    %usr   %nice    %sys %iowait    %irq   %soft  %steal  %guest  %gnice   %idle\n"
    ),
    Row(
      "mpstat",
      sysstat
        + "12:06:39     CPU   %user   %nice    %sys %iowait    %irq   %soft  %steal   %idle    intr/s\n"
    ),
    Row(
      "sar",
      sysstat + "12:06:39        CPU     %user     %nice   %system   %iowait    %steal     %idle\n"),
    Row(
      "sar",
      sysstat
        + "12:06:39        CPU      %usr     %nice      %sys   %iowait    %steal      %irq     %soft    %guest    %gnice     %idle\n"
    ),
    Row(
      "sar",
      sysstat + "12:06:39        IFACE   rxpck/s   txpck/s    rxkB/s    txkB/s   %ifutil\n"),
    Row("sar", sysstat + "12:06:39          DEV       tps     rkB/s     wkB/s   areq-sz\n"),
    Row(
      "sar", sysstat + "12:06:39      runq-sz  plist-sz   ldavg-1   ldavg-5  ldavg-15   blocked\n"),
    Row("iostat", sysstat + "avg-cpu:  %user   %nice %system %iowait  %steal   %idle\n"),
    Row("iostat", sysstat + "Device             tps    kB_read/s    kB_wrtn/s\n"),
    Row(
      "top",
      "top - 10:15:01 up 46 days, 20:48,  1 user,  load average: 4.34, 4.19, 4.15\n"
        + "Tasks: 123 total,   1 running\n"),
    Row(
      "free",
      "              total        used        free      shared  buff/cache   available\nMem: 1 2 3 4 5 6\n"
    ),
    Row("uptime", " 10:15:01 up 46 days, 20:48,  1 user,  load average: 4.34, 4.19, 4.15\n"),
    Row("list of processes", "  PID TTY          TIME CMD\n    1 ?        00:00:09 systemd\n"),
    Row("/proc/meminfo", "MemTotal:        8173956 kB\nMemFree:          496288 kB\n"),
    Row(
      "/proc/interrupts",
      "           CPU0       CPU1\n  0:         12          0   IO-APIC   2-edge\n"),
    Row(
      "/proc/slabinfo",
      "slabinfo - version: 2.1\n# name  <active_objs>\next4 1 2 3 4 5 : tunables\n"),
    Row("/proc/net/snmp", "Ip: Forwarding DefaultTTL InReceives\nIp: 1 64 12345\n"),
    Row("netstat -s", "Ip:\n    12345 total packets received\n    0 forwarded\n"),
    Row(
      "/proc/net/stat",
      "entries  in_hit in_slow_tot in_slow_mc in_no_route in_brd in_martian_dst in_martian_src  out_hit out_slow_tot\n"
        + "00000005  00000001 00000002 00000003 00000004 00000000 00000000 00000000 00000001 00000000\n"
    ),
    Row(
      "/proc/net/stat",
      "entries  allocs   destroys hash_grows lookups  hits     res_failed rcv_probes_mcast rcv_probes_ucast periodic_gc_runs\n"
        + "00000003  00000009 00000006 00000000  0000002c 00000028 00000000   00000000         00000000         00000112\n"
    ),
    Row(
      "lscpu without a list of CPUs",
      "Architecture:            x86_64\nCPU(s):                  2\n"),
    Row("cpu.stat", "usage_usec 123\nuser_usec 100\nsystem_usec 23\n"),
    Row("cgroup.stat", "nr_descendants 105\nnr_dying_descendants 0\n"),
    Row("memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n"),
    Row("memory.events", "low 0\nhigh 0\nmax 12\noom 1\noom_kill 1\noom_group_kill 0\n"),
    Row(
      "memory.stat",
      "anon 12345\nfile 67890\nkernel_stack 1\nworkingset_refault_anon 0\npgfault 1\npgmajfault 0\n"
        + "thp_fault_alloc 2\npgscan 3\npgsteal 4\npgrefill 5\npgactivate 6\n"),
    Row(
      "memory.stat",
      "cache 1\nrss 2\nrss_huge 0\nmapped_file 3\npgpgin 100\npgpgout 200\npgfault 5\npgmajfault 6\n"
    ),
    Row("memory.numa_stat", "total=123 N0=123\nfile=100 N0=100\n"),
    Row("io.stat", "8:0 rbytes=1024 wbytes=0 rios=1 wios=0 dbytes=0 dios=0\n"),
    Row("io.stat or blkio", "8:0 Read 40960\n8:0 Write 0\n8:0 Sync 40960\nTotal 40960\n"),
    Row("binary file of sar", "\u{16}"),
  ].dropLast()

  @Test("what we do not read is called by its name", arguments: rows)
  func name(_ row: Row) {
    for text in [row.text, row.text.replacing("\n", with: "\r\n"), "\u{FEFF}" + row.text] {
      let said = refusal(text) ?? ""
      #expect(said.contains("this is ") && said.contains(row.name), "\(said)")
      // An advice to allow more bad lines, or to look for prompts, would make it worse.
      #expect(!said.contains("max-skipped"))
    }
  }

  static let systems = [
    Row(
      "Solaris or illumos",
      " kthr      memory            page            disk          faults      cpu\n"
        + " r b w   swap  free  re  mf pi po fr de sr f0 s0 s1 s2   in   sy   cs us sy id\n"
        + " 0 0 0 731096 221556  3  25  0  0  0  0  0  0  0  0  0  341  5111  208  0  3 97\n"),
    Row(
      "Solaris or illumos",
      " procs     memory            page            disk          faults      cpu\n"
        + " r b w   swap  free  re  mf pi po fr de sr s0 s1 -- --   in   sy   cs us sy id\n"
        + " 0 0 0 731096 221556  3  25  0  0  0  0  0  0  0  0  0  341  5111  208  0  3 97\n"),
    Row(
      "Solaris or illumos",
      "     memory           page          executable      anonymous      filesystem\n"
        + "   swap  free  re  mf  fr  de  sr  epi  epo  epf  api  apo  apf  fpi  fpo  fpf\n"
        + " 731096 221556  3  25   0   0   0    0    0    0    0    0    0    0    0    0\n"),
    Row(
      "FreeBSD",
      " procs      memory      page                    disks     faults         cpu\n"
        + " r b w     avm    fre   flt  re  pi  po    fr  sr ad0 da0   in   sy   cs us sy id\n"
        + " 1 0 0   63720  339504  1158   0   0   0  1022   0   0   0  246 1201  336 22 15 63\n"),
    Row(
      "FreeBSD",
      "procs     memory       page                    disks     faults       cpu\n"
        + "r b w     avm   fre  flt  re  pi  po   fr   sr ada0 cd0   in    sy    cs us sy id\n"
        + "0 0 0    517M  1.1G  164   0   1   0  181   12    0   0   34   261   216  1  0 99\n"),
    Row(
      "OpenBSD",
      " procs    memory       page                    disks    traps          cpu\n"
        + " r   s   avm     fre  flt  re  pi  po  fr  sr sd0 sd1  int   sys   cs us sy id\n"
        + " 1  54   44M   7312M  139   0   0   0   0   0   0   0    6    81   36  0  0 100\n"),
    Row(
      "NetBSD",
      " procs    memory      page                       disks   faults      cpu\n"
        + " r b      avm    fre  flt  re  pi   po   fr   sr w0 c0   in   sy  cs us sy id\n"
        + " 0 0   123456  78901   10   0   0    0    0    0  0  0   12   34  56  0  1 99\n"),
    Row(
      "AIX",
      "\nSystem configuration: lcpu=8 mem=16384MB ent=2.00\n\n"
        + "kthr    memory              page              faults              cpu\n"
        + "----- ----------- ------------------------ ------------ -----------------------\n"
        + " r  b   avm   fre  re  pi  po  fr   sr  cy  in   sy  cs us sy id wa    pc    ec\n"
        + " 1  1 123456 78901   0   0   0   0    0   0   5  120  80  0  0 99  0  0.01   0.5\n"),
    Row(
      "HP-UX",
      "         procs           memory                   page                              faults       cpu\n"
        + "    r     b     w      avm    free   re   at    pi   po    fr   de    sr     in     sy    cs  us sy id\n"
        + "    1     0     0   123456   78901    0    0     0    0     0    0     0    100    200    50   1  1 98\n"
    ),
    Row(
      "macOS",
      "Mach Virtual Memory Statistics: (page size of 4096 bytes)\nPages free:          123456.\n"),
  ]

  @Test("vmstat of other systems is refused by the system's name", arguments: systems)
  func system(_ row: Row) {
    for text in [row.text, "$ vmstat 1\n" + row.text, row.text.replacing("\n", with: "\r\n")] {
      #expect(refusal(text)?.contains(" of \(row.name)") == true, "\(refusal(text) ?? "")")
    }
    // Neither when the format is named.
    #expect(refusal(row.text, as: Vmstat())?.contains(" of \(row.name)") == true)
  }

  @Test func namesOfKernelsToComeAreReadBelowOnesThatAreKnown() throws {
    let (sink, summary) = try read("nr_free_pages 7\nnr_new_thing 5\nnew_total 6\noom_kill 3\n")
    #expect(summary.format == "proc-vmstat")
    #expect(sink.series("proc-vmstat machine ", "nr_new_thing") == [5])
    #expect(sink.series("proc-vmstat machine ", "new_total") == [6])
    #expect(sink.series("proc-vmstat machine ", "oom_kill") == [3])
  }

  @Test func filesOfAControlGroupInALoopAreNotTheMachines() throws {
    let sample = "nr_free_pages 7\noom_kill 3\nlow 0\noom 1\noom_kill 1\n"
    let (sink, summary) = try read(
      "1791367872\n" + sample + "1791367873\n" + sample)
    #expect(sink.series("proc-vmstat machine ", "oom_kill") == [3, 3])
    #expect(count(.otherOutput, summary) == 6)
    #expect(summary.skippedLines == 0)
  }

  @Test func aReplyWithoutThreadsIsNotEmpty() {
    let said = refusal(
      "{\"QMP\": {\"version\": {}}}\n{\"return\": {}}\n{\"return\": {\"status\": \"running\"}}\n")
    #expect(said?.hasPrefix("no events of qmp: {\"QMP\"") == true)
    #expect(QEMUMonitor().needs?.contains("query-cpus-fast") == true)
    #expect(refusal(" \n\n\t\n") != nil)
    #expect(
      refusal("procs -----------memory---------- ---swap-- -----io---- -system-- ------cpu-----\n")
        != "empty")
  }
}

@Suite struct QEMUCommandLines {
  private func options(
    _ text: String
  ) throws -> (names: [String], guests: Set<String>, values: [String: String], SourceSummary) {
    let (sink, summary) = try read(text)
    #expect(summary.format == "qemu-cmdline")
    let settings = sink.topology.settings
    return (
      settings.map(\.name), Set(settings.map(\.object)),
      Dictionary(settings.map { ($0.name, $0.value) }) { _, last in last }, summary
    )
  }

  private let start = """
    2026-10-07 08:02:19.454+0000: starting up libvirt version: 11.1.0, qemu version: 9.2.3, hostname: kvm7
    LC_ALL=C \\
    PATH=/usr/local/sbin:/usr/sbin \\
    /usr/bin/qemu-system-x86_64 \\
    -name guest=web1,debug-threads=on \\
    -S \\
    -smp 2,sockets=2 \\
    -object '{"qom-type":"iothread","id":"io 1"}' \\
    -append 'it'\\''s quiet' \\
    -msg timestamp=on
    char device redirected to /dev/pts/2 (label charserial0)

    """

  @Test func libvirtsLog() throws {
    for text in [start, start.replacing("\n", with: "\r\n"), "\u{FEFF}" + start] {
      let (names, guests, values, summary) = try options(text)
      #expect(names == ["-name", "-S", "-smp", "-object", "-append", "-msg"])
      #expect(guests == ["web1"])
      #expect(values["-object"] == "{\"qom-type\":\"iothread\",\"id\":\"io 1\"}")
      #expect(values["-append"] == "it's quiet")
      #expect(summary.skippedLines == 0)
      #expect(summary.events == 6)
      #expect(count(.toolNotice, summary) == 4)
      #expect(count(.supersededStart, summary) == 0)
    }
  }

  @Test func theLastStartOfALogCounts() throws {
    let between = """
      2026-10-07T08:30:00.123456Z qemu-system-x86_64: terminating on signal 15 from pid 1234 (/usr/sbin/libvirtd)
      2026-10-07 08:30:01.000+0000: shutting down, reason=shutdown
      Domain id=3 is tainted: host-cpu
      main_channel_link: add main channel client
      """
    let second = start.replacing("-smp 2,", with: "-smp 8,").replacing("-S \\\n", with: "")
    let (names, _, values, summary) = try options(between + "\n" + start + between + "\n" + second)
    #expect(names == ["-name", "-smp", "-object", "-append", "-msg"])
    #expect(values["-smp"] == "8,sockets=2")
    #expect(count(.supersededStart, summary) == 1)
    #expect(summary.skippedLines == 0)
  }

  @Test func logsOfOldLibvirtHaveOneLine() throws {
    let (names, guests, _, summary) = try options(
      "2013-05-08 08:02:19.454+0000: starting up\n"
        + "LC_ALL=C PATH=/usr/sbin:/bin QEMU_AUDIO_DRV=none /usr/bin/kvm -S -M pc-1.0 -name web2 -uuid 1-2\n"
        + "Domain id=1 is tainted: high-privileges\n")
    #expect(names == ["-S", "-M", "-name", "-uuid"])
    #expect(guests == ["web2"])
    #expect(summary.skippedLines == 0)
  }

  @Test func aTraceInALogIsATrace() throws {
    let (_, summary) = try read(
      start
        + "17676@1795337431.063066:virtio_blk_handle_read vdev 0x55813c2ef450 req 0x55813b74c6c0 sector 0 nsectors 1\n"
        + "17676@1795337431.063266:virtio_blk_req_complete vdev 0x55813c2ef450 req 0x55813b74c6c0 status 0\n"
    )
    #expect(summary.format == "qemu-log")
    #expect(summary.skippedLines == 0)
  }

  @Test(arguments: [
    """
    USER         PID %CPU %MEM    VSZ   RSS TTY      STAT START   TIME COMMAND
    root           1  0.0  0.1 167000 12000 ?        Ss   Oct06   0:09 /sbin/init
    qemu        2832 75.0 12.3 8765432 2012345 ?     Sl   Oct06 1234:56 /usr/bin/qemu-system-x86_64 -name guest=web1 -object {"id":"io 1"} -smp 2
    root        2840  0.0  0.0      0     0 ?        S    Oct06   0:00 [vhost-2832]
    me         99999  0.0  0.0   6480  2300 pts/0    S+   10:15   0:00 grep --color=auto qemu-system -name

    """,
    """
    UID          PID    PPID  C STIME TTY          TIME CMD
    root           1       0  0 Oct06 ?        00:00:09 /sbin/init
    libvirt+    2832       1 75 Oct06 ?        12:34:56 /usr/libexec/qemu-kvm -name guest=web1 -object {"id":"io 1"} -smp 2
    root        2840       2  0 Oct06 ?        00:00:00 [vhost-2832]

    """,
    """
    [root@kvm7 ~]# ps aux | grep qemu
    qemu        2832 75.0 12.3 8765432 2012345 ?     Sl   Oct06 1234:56 /usr/bin/kvm -name guest=web1 -object {"id":"io 1"} -smp 2
    root       99999  0.0  0.0   6480  2300 pts/0    S+   10:15   0:00 grep --color=auto qemu

    """,
    "2832 qemu-system-x86_64 -name guest=web1 -object {\"id\":\"io 1\"} -smp 2\n",
    "2832 /usr/bin/qemu-system-x86_64 -name guest=web1 -object {\"id\":\"io 1\"} -smp 2\n2840 sshd: root\n",
  ])
  func listsOfProcesses(_ text: String) throws {
    for text in [text, text.replacing("\n", with: "\r\n"), text + text] {
      let (names, guests, values, summary) = try options(text)
      #expect(names == ["-name", "-object", "-smp", "pid"])
      #expect(guests == ["web1"])
      #expect(values["pid"] == "2832")
      #expect(values["-object"] == "{\"id\":\"io 1\"}")
      #expect(summary.skippedLines == 0)
      #expect(count(.supersededStart, summary) == 0)
    }
  }

  @Test func twoGuestsOfOneHostAreTwo() throws {
    let row = { (pid: Int, name: String) in
      "qemu  \(pid) 75.0 12.3 8765432 2012345 ?  Sl  Oct06 1234:56 /usr/bin/qemu-system-x86_64 -name \(name) -smp 2\n"
    }
    let (names, guests, _, _) = try options(row(10, "web1") + row(11, "web2") + row(12, "web2"))
    #expect(names.count { $0 == "pid" } == 3)
    #expect(guests == ["web1", "web2"])
  }

  @Test func proseWithACommandInItIsNone() {
    let prose =
      "# How to trace\n\nStart the guest.\n\nThen:\n\nRun this:\n\n    qemu-system-x86_64 -name web1 -smp 2\n"
    #expect(refusal(prose)?.contains("qemu-cmdline") != true)
  }
}

@Suite struct CounterGenerations {
  @Test func summariesOfVmstatInAllGenerations() throws {
    let (sink, summary) = try read(
      """
           8000000 K total memory
            574959 non-nice user cpu ticks
                 0 stolen cpu ticks
                 0 non-nice guest cpu ticks
           8154400 K paged in
          15325373 K paged out
                 0 pages swapped in
              1024 pages alloc in dma
              1025 pages alloc in dma32
                 0 pages alloc in device
         182032258 pages alloc in normal
         183819238 pages free
          31004104 interrupts
        1753152988 boot time
            166129 forks

      """)
    #expect(summary.format == "vmstat")
    #expect(summary.skippedLines == 0)
    #expect(summary.events == 15)
    #expect(sink.series("vmstat -s machine ", "paged in") == [8_154_400 * 1024])
    #expect(sink.series("vmstat -s machine ", "pages alloc in normal") == [182_032_258])
    let paged = try #require(sink.counters.first { $0.name == "paged in" })
    #expect(paged == Counter(name: "paged in", unit: .bytes, nature: .total))
    let free = try #require(sink.counters.first { $0.name == "pages free" })
    #expect(free == Counter(name: "pages free", unit: .pages, nature: .total))
    let old = "        16345678  total memory\n"
    #expect(refusal(old)?.contains("read") != true)
    let (procps3, before) = try read(
      "     16345678 M total memory\n       123456 pages paged in\n        44376 forks\n")
    #expect(before.skippedLines == 0)
    #expect(procps3.series("vmstat -s machine ", "total memory") == [16_345_678 << 20])
    #expect(procps3.series("vmstat -s machine ", "pages paged in") == [123_456])
  }

  @Test(arguments: [
    "18014398509481983 K used memory", "18446744073709550592 K used memory",
    "18446744073709551615 interrupts", "9223372036854775807 K paged in",
  ])
  func aValueThatOverflowsCannotBe(_ line: String) throws {
    let (sink, summary) = try read("      8000000 K total memory\n \(line)\n        44376 forks\n")
    #expect(summary.skippedLines == 0)
    #expect(count(.impossibleValue, summary) == 1)
    #expect(sink.samples.allSatisfy { $0.value >= 0 })
    #expect(sink.samples.count == 2)
  }

  @Test func partitionsBefore2_6_25() throws {
    let text = """
      1327510177
         8    0 sda 85958345 9208182 2671393219 2437232103 534745448 846485919 11060948932 2055733196 0 545004122 197929059
         8    1 sda1 5024 46400 6662 13324
         8    2 sda2 23671288 753256530 918679759 3054471032

      """
    for text in [text, text.replacing("\n", with: "\r\n")] {
      let (sink, summary) = try read(text)
      #expect(summary.format == "proc-diskstats")
      #expect(summary.skippedLines == 0)
      #expect(summary.events == 3)
      let partition = "proc-diskstats disk 8,2 sda2"
      #expect(sink.series(partition, "reads") == [23_671_288])
      #expect(sink.series(partition, "sectors_read") == [753_256_530])
      #expect(sink.series(partition, "writes") == [918_679_759])
      #expect(sink.series(partition, "sectors_written") == [3_054_471_032])
      #expect(sink.values.count { $0.object == partition } == 4)
      #expect(sink.series("proc-diskstats disk 8,0 sda", "weighted_ms") == [197_929_059])
    }
    // The partition alone, as grep leaves it; and 14, 18 and 20 columns.
    let (alone, _) = try read("1327510177\n   8    1 sda1 5024 46400 6662 13324\n")
    #expect(alone.series("proc-diskstats disk 8,1 sda1", "writes") == [6662])
    for columns in [11, 15, 17, 18] {
      let numbers = (1...columns).map(String.init).joined(separator: " ")
      let (sink, _) = try read(" 259  0 nvme0n1 \(numbers)\n")
      #expect(sink.samples.count == min(columns, 17))
    }
  }

  private let zone = """
    Wed Oct  7 10:15:01 UTC 2026
    \(tables[0].text)
    """

  @Test func rowsBelowADateHaveItsZoneAndNoEnd() throws {
    for text in [zone, zone.replacing("\n", with: "\r\n")] {
      let (sink, summary) = try read(text)
      let begin = WallTime(nanoseconds: 1_791_368_101_000_000_000, utcOffset: 0)
      #expect(sink.vmstat.map(\.runStart) == [begin, begin])
      #expect(sink.vmstat.map(\.wall) == [nil, nil])
      #expect(summary.first.nanoseconds == begin.nanoseconds)
      #expect(summary.last.nanoseconds == nil)
      #expect(count(.unknownZone, summary) == 0)
    }
  }

  @Test(arguments: [
    ("$ vmstat 1 6", 1), ("+ vmstat -w 5", 5), ("vmstat -S M 10", 10),
    ("# /usr/bin/vmstat -t 2", 2),
  ])
  func theIntervalOfTheCommandIsThatOfTheRows(_ command: String, _ seconds: Int64) throws {
    let row = " 4  0      0 812300  10240 655360    0    0     0    40 1800 2500 50 10 10  0 30\n"
    let (_, summary) = try read(
      "Wed Oct  7 12:15:01 CEST 2026\n\(command)\n" + tables[0].text + row + row)
    let begin: Int64 = 1_791_368_101_000_000_000
    #expect(summary.first.nanoseconds == begin)
    #expect(summary.last.nanoseconds == begin + 3 * seconds * 1_000_000_000)
  }

  @Test func datesBetweenRunsEndAllButTheLast() throws {
    let (_, summary) = try read(zone + "Wed Oct  7 10:16:01 UTC 2026\n" + tables[0].text)
    #expect(summary.first.nanoseconds == 1_791_368_101_000_000_000)
    #expect(summary.last.nanoseconds == nil)
  }
}
