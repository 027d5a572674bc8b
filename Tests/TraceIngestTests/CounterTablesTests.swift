import Foundation
import Testing
import TraceModel

@testable import TraceIngest

/// Reads text as a file of its own would be read, the format told by content.
private func read(
  _ text: String, as name: String = "file.txt"
) throws -> (RecordedCounters, SourceSummary) {
  let folder = FileManager.default.temporaryDirectory
    .appending(path: "hiddenq-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: folder) }
  let path = folder.appending(path: name).path
  try Data(text.utf8).write(to: URL(filePath: path))
  let sink = RecordedCounters()
  var options = IngestOptions()
  options.allowedBadPercent = 60
  let summary = try IngestRun(source: ByteSource(path: path), options: options).read(into: sink)
  return (sink, summary)
}

private func count(_ kind: ProblemKind, _ summary: SourceSummary) -> Int64 {
  summary.problems.first { $0.kind == kind }?.count ?? 0
}

private let start: Int64 = 1_791_367_872_000_000_000

@Suite struct VmstatTests {
  private let header = """
    procs -----------memory---------- ---swap-- -----io---- -system-- -------cpu-------
     r  b   swpd   free   buff  cache   si   so    bi    bo   in   cs us sy id wa st gu

    """
  private let boot =
    " 1  0      0 812344  10240 655360    0    0   120   340  800 1500 10  5 80  3  2  0\n"
  private let busy =
    "17  3 1048576 10112   1024  20480  512 2048 90112 40960 25000 81234 20 30 10 25 15  0\n"

  @Test func columnsAreNamedByTheHeader() throws {
    let (sink, summary) = try read(
      """
      procs -----------memory---------- ---swap-- -----io---- -system-- ------cpu----- -----timestamp-----
       r  b   swpd   free  inact active   si   so    bi    bo   in   cs us sy id wa st                CEST
       2  0      0  15090   6827   1435    0    0  5682 11751  630 3143 70 11 19  0  0 2026-10-07 12:11:12
       8  0      0  15091   6828   1436    0    0  7112 13124 1701 5102 94  6  0  0  7 2026-10-07 12:11:13

      """)
    #expect(summary.format == "vmstat")
    #expect(summary.skippedLines == 0)
    #expect(summary.events == 2)
    let row = try #require(sink.vmstat.last)
    #expect(row.values[VmstatColumn.active.rawValue] == 1436)
    #expect(row.values[VmstatColumn.buff.rawValue] == nil)
    #expect(row.values[VmstatColumn.st.rawValue] == 7)
    #expect(row.wall == WallTime(nanoseconds: start + 1_000_000_000, utcOffset: 7200))
    #expect(sink.vmstat.map(\.isSinceBoot) == [true, false])
    #expect(count(.sinceBootRow, summary) == 1)
  }

  @Test func aRepeatedHeaderIsNoNewRun() throws {
    let text = header + boot + String(repeating: busy, count: 20) + header + busy + busy
    let (sink, summary) = try read(text)
    #expect(summary.events == 23)
    #expect(sink.vmstat.filter(\.isSinceBoot).count == 1)
    #expect(Set(sink.vmstat.map(\.run)) == [0])
  }

  @Test func aLoopWithoutDatesBeginsEachRunWithAveragesSinceBoot() throws {
    let text = String(repeating: header + boot + busy + busy, count: 3)
    let (sink, summary) = try read(text)
    #expect(summary.skippedLines == 0)
    #expect(sink.vmstat.map(\.isSinceBoot).filter { $0 }.count == 3)
    #expect(sink.vmstat.map(\.run) == [0, 0, 0, 1, 1, 1, 2, 2, 2])
  }

  @Test func datesBetweenRunsAreTheirStart() throws {
    let text =
      "Wed Oct  7 10:11:12 UTC 2026\n" + header + boot + busy
      + "Wed Oct  7 10:12:12 UTC 2026\n" + header + busy + busy
    let (sink, _) = try read(text)
    #expect(sink.vmstat.map(\.run) == [0, 0, 1, 1])
    #expect(sink.vmstat.map(\.isSinceBoot) == [true, false, true, false])
    #expect(sink.vmstat[3].runStart?.nanoseconds == start + 60_000_000_000)
    #expect(sink.vmstat[3].wall == nil)
  }

  @Test func aDateAndARowWithoutHeaderAreARun() throws {
    let row = " 1  0      0 812344  10240 655360    0    0   120   340  800 1500 10  5 80  3  2\n"
    let (sink, summary) = try read("1791367872\n" + row + "1791367873\n" + row)
    #expect(summary.skippedLines == 0)
    #expect(sink.vmstat.map(\.isSinceBoot) == [false, false])
    #expect(
      sink.vmstat.map { $0.runStart?.nanoseconds } == [start, start + 1_000_000_000])
  }

  @Test(arguments: [
    "2026-10-07 10:11:12 ", "[2026-10-07T10:11:12Z] ", "1791367872 ", "10/07/26 10:11:12 AM ",
  ])
  func aDateBeforeTheRowIsItsTime(_ prefix: String) throws {
    let (sink, summary) = try read(
      header + prefix + boot.dropFirst() + prefix + busy)
    #expect(summary.skippedLines == 0)
    #expect(sink.vmstat.map(\.wall?.nanoseconds) == [start, start])
    #expect(sink.vmstat[1].values[0] == 17)
  }

  @Test func valuesThatWentBelowZeroAreLeftOut() throws {
    let odd =
      " 1  0      0 812344  10240 655360    0    0 4294967200   340  800 1500 10  5 80  3  2  0\n"
    let (sink, summary) = try read(header + boot + odd)
    #expect(sink.vmstat[1].values[VmstatColumn.bi.rawValue] == nil)
    #expect(sink.vmstat[1].values[VmstatColumn.bo.rawValue] == 340)
    #expect(count(.impossibleValue, summary) == 1)
  }

  @Test func headersInAnotherLanguageAndMissingHeaders() throws {
    let german = """
      Prozesse ----------Speicher--------- --Swap-- ----EA---- --System-- -------CPU-------
       l  s   swpd   frei   Puff  Cache   si   so    bi    bo   in   cs bn sy un wa gs

      """
    let row = " 1  0      0 812344  10240 655360    0    0   120   340  800 1500 10  5 80  3  2\n"
    let (sink, german16) = try read(german + row + row)
    #expect(german16.skippedLines == 0)
    #expect(sink.vmstat.count == 2)
    #expect(sink.vmstat.map(\.isSinceBoot) == [true, false])
    #expect(sink.vmstat[1].values[VmstatColumn.cache.rawValue] == 655_360)
    let active = german.replacing("  Puff  Cache", with: "inaktv  aktiv")
    let (other, _) = try read(active + row + row)
    #expect(other.vmstat[1].values[VmstatColumn.cache.rawValue] == nil)
    #expect(other.vmstat[1].values[VmstatColumn.free.rawValue] == 812_344)
    #expect(sink.vmstat[1].values[VmstatColumn.st.rawValue] == 2)
    let (bare, _) = try read(row + row)
    #expect(bare.vmstat.map(\.isSinceBoot) == [false, false])
  }

  @Test func anotherSystemsTableIsRefused() {
    #expect(throws: IngestError.self) {
      _ = try read(
        """
         procs      memory      page                    disks     faults         cpu
         r b w     avm    fre   flt  re  pi  po    fr  sr ad0 ad1   in   sy   cs us sy id
         1 0 0  123456  78901   100   0   0   0   200   0   0   0  300  400  500  1  2 97

        """)
    }
  }

  @Test func theOtherModesAreCounters() throws {
    let (sink, summary) = try read(
      """
      disk- ------------reads------------ ------------writes----------- -----IO------
             total merged sectors      ms  total merged sectors      ms    cur    sec
      sda    15257    100  841035    8395  50851   5502 1648657  146540      0     44
      loop0           reads      read sectors      writes  requested writes
                       5472            415773        6851            503858
                 10 disks
             634643 total reads
               3417 milli weighted IO
           16345678 K total memory
             123456 stolen cpu ticks
              44376 forks
      Cache                       Num  Total   Size  Pages
      ext4_groupinfo_4k          1148   1149    144     28

      """)
    #expect(summary.skippedLines == 0)
    #expect(sink.series("vmstat -d disk sda", "writes_sectors") == [1_648_657])
    #expect(sink.series("vmstat -p disk loop0", "requested writes") == [503_858])
    #expect(sink.series("vmstat -D machine ", "milli weighted IO") == [3417])
    #expect(sink.series("vmstat -s machine ", "total memory") == [16_345_678 * 1024])
    #expect(sink.series("vmstat -s machine ", "stolen cpu ticks") == [123_456])
    #expect(sink.series("vmstat -s machine ", "forks") == [44_376])
    #expect(sink.series("vmstat -m slab ext4_groupinfo_4k", "Total") == [1149])
  }
}

@Suite struct NumastatTests {
  @Test func datesBetweenTablesMakeMoments() throws {
    let (sink, summary) = try read(
      """
      Wed Oct  7 12:11:12 CEST 2026
                                 node0           node8
      numa_hit                  575343          983088
      other_node                 77987          196164
      Wed Oct  7 12:11:13 CEST 2026
                                 node0           node8
      numa_hit                  575400              10
      other_node                 77987               3

      """)
    #expect(summary.format == "numastat")
    #expect(summary.events == 4)
    #expect(summary.toolClock == "wall")
    #expect(sink.moments.map { $0.wall?.nanoseconds } == [start, start + 1_000_000_000])
    #expect(sink.series("numastat node 8", "numa_hit") == [983_088, 10])
    #expect(count(.counterReset, summary) == 2)
    #expect(count(.counterSteppedBack, summary) == 0)
  }

  @Test("one value that fell is no reboot, and the note says which")
  func oneValueThatFell() throws {
    let (_, summary) = try read(
      """
      1791367872
      cpu  5000 0 3000 90000 54281 0 0 1000 0 0
      cpu0 5000 0 3000 90000 54281 0 0 1000 0 0
      1791367873
      cpu  5100 0 3050 90100 54280 0 0 1030 0 0
      cpu0 5100 0 3050 90100 54280 0 0 1030 0 0
      1791367874
      cpu  5 0 3 90 1 0 0 0 0 0
      cpu0 5 0 3 90 1 0 0 0 0 0

      """)
    let stepped = try #require(summary.problems.first { $0.kind == .counterSteppedBack })
    #expect(stepped.count == 2)
    #expect(stepped.line == 5)
    #expect(stepped.excerpt == "proc-stat machine iowait: 54281, then 54280")
    #expect(count(.counterReset, summary) == 10)
  }

  @Test func aDateIsNoRowOfATableWithOneNode() throws {
    let table = "                           node0\nnuma_hit                   51984\n"
    let date = "Wed Oct  7 10:11:12 UTC 2026\n"
    let (sink, summary) = try read(date + table + date + table)
    #expect(summary.events == 2)
    #expect(sink.values.map(\.counter) == ["numa_hit", "numa_hit"])
    #expect(sink.moments.map { $0.wall?.nanoseconds } == [start, start])
  }

  @Test func aFoldedTableIsOneMoment() throws {
    let block = { (nodes: String) in
      "\n                \(nodes)\nnuma_hit               386594585       386594586\n"
    }
    let folded = block("          Node 0          Node 1")
      .replacingOccurrences(of: "Node 0", with: " node0")
      .replacingOccurrences(of: "Node 1", with: " node1")
    let rest = block("           node2           node3")
    let (sink, summary) = try read(folded + rest + folded + rest)
    #expect(summary.skippedLines == 0)
    #expect(sink.moments.count == 2)
    #expect(sink.values.map(\.moment) == [0, 0, 0, 0, 1, 1, 1, 1])
  }

  @Test func tablesInMiBAreBytes() throws {
    let (sink, summary) = try read(
      """

      Per-node numastat info (in MBs):
                      Node 0 Node 1 Total
                      ------ ------ -----
      Numa_Hit          2292   3916  6208

      Per-node system memory usage (in MBs):
      Token SwapCached not in hash table.
                                Node 0          Node 1           Total
                       --------------- --------------- ---------------
      Active(anon)                1.62            0.01            1.63
      HugePages_Total             4.00            0.00            4.00

      Per-node process memory usage (in MBs) for PID 3550 (my (odd) 9 name)
                                 Node 0           Total
                        --------------- ---------------
      Private                   1650.08         1650.08
      ----------------  --------------- ---------------
      Total                     1655.08         1655.08

      Per-node process memory usage (in MBs)
      PID                        Node 0          Node 1           Total
      ----------------  --------------- --------------- ---------------
      2636 (fio)                   1.71           26.61           28.32
      ----------------  --------------- --------------- ---------------
      Total                        1.71           26.61           28.32

      """)
    #expect(summary.skippedLines == 0)
    #expect(sink.series("numastat -n node 1", "Numa_Hit") == [3916 << 20])
    #expect(sink.series("numastat -m node 0", "Active(anon)") == [(162 << 20) / 100])
    #expect(sink.series("numastat -m node 0", "HugePages_Total") == [4])
    #expect(
      sink.series("numastat -p process 3550 (my (odd) 9 name) node 0", "Private")
        == [((165_008 << 20) + 50) / 100])
    #expect(
      sink.series("numastat -p process 2636 (fio) node 1", "Total")
        == [((2661 << 20) + 50) / 100])
    #expect(count(.toolNotice, summary) == 1)
  }

  @Test func valuesThatTouchAreCutAtSixteenBytes() throws {
    let (sink, summary) = try read(
      """
                                 node0           node1
      numa_hit        12345678901234561234567890123457

      """)
    #expect(summary.skippedLines == 0)
    #expect(sink.series("numastat node 0", "numa_hit") == [1_234_567_890_123_456])
    #expect(sink.series("numastat node 1", "numa_hit") == [1_234_567_890_123_457])
  }

  @Test func filesOfSysfsNameTheirNode() throws {
    let (sink, summary) = try read(
      """
      1791367872
      /sys/devices/system/node/node0/numastat:numa_hit 10
      /sys/devices/system/node/node0/numastat:other_node 1
      /sys/devices/system/node/node1/numastat:numa_hit 20
      1791367873
      ==> /sys/devices/system/node/node0/numastat <==
      numa_hit 11
      other_node 1

      """)
    #expect(summary.skippedLines == 0)
    #expect(summary.format == "numastat")
    #expect(sink.series("numastat node 0", "numa_hit") == [10, 11])
    #expect(sink.moments.count == 2)
  }
}

@Suite struct NetworkCounterTests {
  @Test func queuesOfOldAndNewVirtioNet() throws {
    let (sink, summary) = try read(
      """
      # ethtool -S eth0
      NIC statistics:
           rx_queue_0_drops: 3
           rx0_drops: 5
           tx12_kicks: 7
           rx_drops: 8
           port.rx_dropped: 12028
           [0]: rx_packets: 2
      """)
    #expect(summary.format == "ethtool")
    #expect(summary.skippedLines == 0)
    #expect(sink.series("ethtool queue eth0 rx 0", "drops") == [3, 5])
    #expect(sink.series("ethtool queue eth0 tx 12", "kicks") == [7])
    #expect(sink.series("ethtool interface eth0", "rx_drops") == [8])
    #expect(sink.series("ethtool interface eth0", "[0]: rx_packets") == [2])
  }

  @Test func interfacesWithoutNameGoByTheirPlace() throws {
    let (sink, summary) = try read(
      """
      1791367872
      no stats available
      NIC statistics:
           tx_queue_0_kicks: 1
      1791367873
      no stats available
      NIC statistics:
           tx_queue_0_kicks: 4
      """)
    #expect(summary.skippedLines == 0)
    #expect(sink.series("ethtool queue #2 tx 0", "kicks") == [1, 4])
    #expect(sink.moments.count == 2)
    #expect(count(.noCounters, summary) == 2)
    #expect(count(.unnamedObject, summary) == 4)
  }

  @Test(
    "the file's name says which interface it is about",
    arguments: [
      ("ethtool_-S_ens3", "ens3"), ("ethtool_-S_eth0.txt", "eth0"),
      ("ethtool-S-bond0.log", "bond0"),
      ("ethtool_-S_br-ex", "br-ex"), ("ethtool_enp0s31f6.out", "enp0s31f6"),
      ("eth1-ethtool.txt", "eth1"), ("ethtool-before.txt", "#1"), ("ethtool2.txt", "#1"),
      ("ethtool-run1.txt", "#1"), ("ethtool-S-loop.txt", "#1"), ("ethtool_-S_loop.txt", "#1"),
      ("nic.txt", "#1"), ("ethtool_-S_", "#1"), ("ethtool-S.txt", "#1"),
    ])
  func nameOfTheFile(_ name: String, _ interface: String) throws {
    let (sink, summary) = try read("NIC statistics:\n     rx_queue_0_drops: 3\n", as: name)
    #expect(sink.series("ethtool queue \(interface) rx 0", "drops") == [3])
    #expect(count(.unnamedObject, summary) == (interface == "#1" ? 1 : 0))
  }

  @Test(
    "tables without name and date are things of their own; where every line has its date, rounds are told"
  )
  func unnamedTables() throws {
    let table = "NIC statistics:\n     rx_queue_0_drops: 3\n"
    let undated = try read(table + table).0
    #expect(undated.series("ethtool queue #1 rx 0", "drops") == [3])
    #expect(undated.series("ethtool queue #2 rx 0", "drops") == [3])
    let lines = ["1791367872.0", "1791367873.0"].flatMap { date in
      table.split(separator: "\n").map { "\(date) \($0)\n" }
    }
    #expect(try read(lines.joined()).0.series("ethtool queue #1 rx 0", "drops") == [3, 3])
  }

  @Test("a loop that keeps some lines has no title, but the command with the interface")
  func grepLoop() throws {
    let (sink, summary) = try read(
      """
      2026-10-07T10:15:00Z
      # ethtool -S eth0 | grep -i drop
           rx_queue_0_drops: 10
           tx_queue_0_drops: 0
      # /sbin/ethtool --statistics "eth1";
           rx_dropped: 7
      2026-10-07T10:15:01Z
      # ethtool -S eth0 | grep -i drop
           rx_queue_0_drops: 12
           tx_queue_0_drops: 0

      """)
    #expect(summary.format == "ethtool")
    #expect(summary.skippedLines == 0)
    #expect(sink.moments.count == 2)
    #expect(sink.series("ethtool queue eth0 rx 0", "drops") == [10, 12])
    #expect(sink.series("ethtool interface eth1", "rx_dropped") == [7])
  }

  @Test("what is left of an allowance is no total: it may fall")
  func levels() throws {
    let (_, summary) = try read(
      """
      1791367872
      # ethtool -S ens5
      NIC statistics:
           conntrack_allowance_available: 615471
           conntrack_allowance_exceeded: 4
      1791367873
      # ethtool -S ens5
      NIC statistics:
           conntrack_allowance_available: 615
           conntrack_allowance_exceeded: 4

      """)
    for kind in [ProblemKind.counterReset, .counterSteppedBack] {
      #expect(count(kind, summary) == 0)
    }
  }

  @Test func rings() throws {
    let (sink, summary) = try read(
      """
      Ring parameters for eth0:
      Pre-set maximums:
      RX:		1024
      RX Mini:	n/a
      TX:		1024
      Current hardware settings:
      RX:		256
      TX:		128
      TX Push:	off
      """)
    #expect(summary.format == "ethtool-ring")
    #expect(summary.skippedLines == 0)
    #expect(sink.series("ethtool -g interface eth0", "maximum RX") == [1024])
    #expect(sink.series("ethtool -g interface eth0", "current TX") == [128])
  }

  @Test func countersOfIpAreNamedByTheirHeader() throws {
    let (sink, summary) = try read(
      """
      2: eth0@if3: <BROADCAST,UP,LOWER_UP> mtu 1500 qdisc mq state UP mode DEFAULT group default
          link/ether 52:54:00:aa:bb:cc brd ff:ff:ff:ff:ff:ff
          RX: bytes  packets  errors  dropped overrun mcast
          1234567    8910     0       12      4       0
          RX errors: length   crc     frame   fifo    missed
                     0        0       0       0       9
          TX:  bytes packets errors dropped carrier collsns
              765432    1098      0       2       0       0
          vf 0     link/ether 6e:cc:c3:fe:ad:7f brd ff:ff:ff:ff:ff:ff, spoof checking on
          RX: bytes  packets  mcast   bcast   dropped
          14069717   192865   0       192865  192865
          TX: bytes  packets   dropped
          0          0        0
          altname enp0s3
      3: tap0: <UP> mtu 1500
          RX:  bytes packets errors dropped  missed   mcast
             1.23M   10      0       0       0       0
      """)
    #expect(summary.format == "ip-link")
    #expect(summary.skippedLines == 0)
    #expect(sink.series("ip interface eth0", "rx_dropped") == [12])
    #expect(sink.series("ip interface eth0", "rx_overrun") == [4])
    #expect(sink.series("ip interface eth0", "rx_error_missed") == [9])
    #expect(sink.series("ip interface eth0", "tx_dropped") == [2])
    #expect(sink.series("ip interface tap0", "rx_bytes") == [1_230_000])
  }

  @Test(arguments: ["1791367872.25 ", "2026-10-07 10:11:12 ", "[2026-10-07T10:11:12Z] "])
  func everyLineMayHaveItsDate(_ prefix: String) throws {
    let text = """
      2: eth0: <BROADCAST,UP,LOWER_UP> mtu 1500
          RX:  bytes packets errors dropped  missed   mcast
                  12       3      0       4       0       0
      NIC statistics:
           rx_queue_0_drops: 3

      Per-node numastat info (in MBs):
                                Node 0           Total
                       --------------- ---------------
      Numa_Hit                    1.00            1.00
      """
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    let (sink, summary) = try read(lines.map { prefix + $0 }.joined(separator: "\n") + "\n")
    #expect(summary.skippedLines == 0)
    #expect(sink.moments.count == 1)
    #expect(sink.series("ip interface eth0", "rx_dropped") == [4])
    #expect(sink.series("ethtool queue #1 rx 0", "drops") == [3])
    #expect(sink.series("numastat -n node 0", "Numa_Hit") == [1 << 20])
  }

  @Test func jsonOfIpAndTcWithDatesBetween() throws {
    let (sink, summary) = try read(
      """
      1791367872
      [{"ifindex":2,"ifname":"eth0","stats64":{"rx":{"bytes":7,"dropped":5},"tx":{"dropped":2}}}]
      [{"kind":"mq","handle":"0:","dev":"eth0","root":true,"drops":3,"overlimits":0,"qlen":4}]
      1791367873
      [{"ifindex":2,"ifname":"eth0","stats64":{"rx":{"bytes":9,"dropped":6},"tx":{"dropped":2}}}]
      """)
    #expect(summary.format == "ip-link")
    #expect(summary.skippedLines == 0)
    #expect(sink.moments.count == 2)
    #expect(sink.series("ip interface eth0", "rx_dropped") == [5, 6])
    #expect(sink.series("tc qdisc eth0 root mq 0:", "dropped") == [3])
  }

  @Test func namesOfProcNetDevMayTouchTheirNumbersAndHaveColons() throws {
    let (sink, summary) = try read(
      """
      Inter-|   Receive                                                |  Transmit
       face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
        eth0:1234567 7609 0 5 0 0 0 0 89665067 8971 0 6 0 0 0 0
      eth0:1: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16
      """)
    #expect(summary.skippedLines == 0)
    #expect(sink.series("proc-net-dev interface eth0", "rx_bytes") == [1_234_567])
    #expect(sink.series("proc-net-dev interface eth0", "tx_drop") == [6])
    #expect(sink.series("proc-net-dev interface eth0:1", "rx_drop") == [4])
  }

  @Test func softnetWithAndWithoutTheCPU() throws {
    let (sink, _) = try read(
      "1791367872\n"
        + "00008e78 00000001 f003eca7 00000000 00000000 00000000 00000000 00000000 00000020\n"
        + "000040ee 000000ee 00000002 00000000 00000000 00000000 00000000 00000000 00000010\n"
        + "1791367873\n"
        + "00008e79 00000001 f003eca8 00000000 00000000 00000000 00000000 00000000 00000020\n"
        + "1791367874\n"
        + "0000f512 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000"
        + " 00000000 00000000 00000000 00000007 00000000 00000000\n")
    #expect(sink.series("softnet cpu 0", "time_squeeze") == [0xf003_eca7, 0xf003_eca8])
    #expect(sink.series("softnet cpu 1", "dropped") == [0xee])
    #expect(sink.series("softnet cpu 7", "processed") == [0xf512])
  }

  @Test func countersOf32BitsThatRunOverAreNoReset() throws {
    let (_, summary) = try read(
      "1791367872\n"
        + "fffffff0 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000\n"
        + "1791367873\n"
        + "00000010 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000\n")
    #expect(count(.counterWrapped, summary) == 1)
    #expect(count(.counterReset, summary) == 0)
  }

  @Test func qdiscsOfOneInterfaceAreKeptApart() throws {
    let (sink, summary) = try read(
      """
      qdisc mq 0: dev eth0 root
       Sent 2376674 bytes 33642 pkt (dropped 3, overlimits 0 requeues 7)
       backlog 12Kb 5p requeues 7
      qdisc fq_codel 0: dev eth0 parent :1 limit 10240p flows 1024
       Sent 2376674 bytes 33642 pkts (dropped 3, overlimits 0 requeues 7)
       rate 0bit 0pps backlog 0b 0p requeues 7
        maxpacket 1514 drop_overlimit 0 new_flow_count 12 ecn_mark 0
      """)
    #expect(summary.skippedLines == 0)
    #expect(sink.series("tc qdisc eth0 root mq 0:", "dropped") == [3])
    #expect(sink.series("tc qdisc eth0 root mq 0:", "backlog") == [12 << 10])
    #expect(sink.series("tc qdisc eth0 root mq 0:", "qlen") == [5])
    #expect(sink.series("tc qdisc eth0 parent :1 fq_codel 0:", "requeues") == [7])
  }
}

@Suite struct ProcCounterTests {
  @Test func severalFilesOfProcInOneLoop() throws {
    let (sink, summary) = try read(
      """
      ## 1791367872.5 uptime 60.36 46.40
      cpu  721 0 2407 4640 496 0 425 1001 0 0
      cpu0 369 0 1105 2376 294 0 177 548 0 0
      intr 20627 81 9 0 0
      ctxt 135462
      procs_running 2
       254      16 vdb 12 2 106 130 4331 237 75040 82354 3 21904 90490 0 0 0 0 487 8005
      version 15
      timestamp 4294907384
      cpu0 0 0 7102 1051 3677 3032 31366985780 32904218657 7186
      nr_free_pages 75585
      pgfault 12
      2842 (CPU 0/KVM) 32932224795 6123664698 5991
      2843 (a) b) 1 2 3
      """)
    #expect(summary.skippedLines == 0)
    #expect(sink.moments.count == 1)
    #expect(sink.series("proc-stat cpu 0", "steal") == [548])
    #expect(sink.series("proc-stat machine ", "ctxt") == [135_462])
    #expect(sink.series("proc-diskstats disk 254,16 vdb", "in_flight") == [3])
    #expect(sink.series("proc-diskstats disk 254,16 vdb", "flush_ms") == [8005])
    #expect(sink.series("proc-schedstat cpu 0", "wait_ns") == [32_904_218_657])
    #expect(sink.series("proc-vmstat machine ", "pgfault") == [12])
    #expect(sink.series("task-schedstat task 2842 CPU 0/KVM", "wait_ns") == [6_123_664_698])
    #expect(sink.series("task-schedstat task 2843 a) b", "timeslices") == [3])
  }

  @Test func aLoopWithoutDatesHasAMomentPerTable() throws {
    let table = "nr_free_pages 75585\nnr_dirty 3\npgfault 12\n"
    let (sink, summary) = try read(table + table + table)
    #expect(summary.format == "proc-vmstat")
    #expect(summary.toolClock == "none")
    #expect(sink.moments.count == 3)
    #expect(sink.counters.first { $0.name == "nr_dirty" }?.nature == .level)
    #expect(sink.counters.first { $0.name == "pgfault" }?.nature == .total)
  }

  @Test func strangeBytesAreCountedAndPassed() throws {
    let (sink, summary) = try read(
      "cpu  1 2 3 4 5 6 7 8 9 10\n\u{1B}[31m?? ]==> x\ncpu0 1 2 x 4\ncpu0 1 2 3 4 5 6 7 8 9 10\r\n")
    #expect(summary.skippedLines == 2)
    #expect(sink.series("proc-stat cpu 0", "user") == [1])
    #expect(summary.problems.first?.line == 2)
  }
}

/// iostat's reports, in hundredths as they are stored.
struct IostatTableTests {
  @Test("columns go by their names, and the first report of a run is of the time since boot")
  func extended() throws {
    let (sink, summary) = try read(
      """
      Linux 6.1.0 (web1) \t11/22/2026 \t_x86_64_\t(2 CPU)

      11/22/2026 09:30:52 AM
      avg-cpu:  %user   %nice %system %iowait  %steal   %idle
                 1.00    0.00    2.00    0.50    0.25   96.25

      Device            r/s     rkB/s   rrqm/s  %rrqm r_await rareq-sz     w/s     wkB/s   wrqm/s  %wrqm w_await wareq-sz     f/s f_await  aqu-sz  %util
      vda              9.99     99.90     0.00   0.00    9.99     9.99    9.99     99.90     0.00   0.00    9.99     9.99    0.00    0.00    9.99   9.99

      11/22/2026 09:30:53 AM
      avg-cpu:  %user   %nice %system %iowait  %steal   %idle
                 6.18    0.00   11.24   48.31    2.25   32.02

      Device            r/s     rkB/s   rrqm/s  %rrqm r_await rareq-sz     w/s     wkB/s   wrqm/s  %wrqm w_await wareq-sz     f/s f_await  aqu-sz  %util
      vda             12.00    196.00     0.00   0.00    0.58    16.33   41.00    328.50     2.00   4.65    1.07     8.01    1.00   -nan    0.04   3.20
      dm-0             0.00      0.00     0.00   0.00    0.00     0.00    0.00      0.00     0.00   0.00    0.00     0.00    0.00    0.00    0.00   0.00

      """)
    #expect(summary.format == "iostat" && summary.skippedLines == 0)
    #expect(summary.toolClock == "wall" && summary.events == 3)
    #expect(sink.moments.count == 2)
    #expect(sink.series("iostat machine ", "%steal") == [25, 225])
    #expect(sink.series("iostat disk vda", "r/s") == [999, 1_200])
    #expect(sink.series("iostat disk vda", "w_await") == [999, 107])
    #expect(sink.series("iostat disk vda", "f_await") == [0])
    #expect(sink.series("iostat disk dm-0", "%util") == [0])
    let natures = sink.counters.filter { $0.name == "r/s" }.map(\.nature)
    #expect(natures == [.sinceBoot, .rate])
    #expect(sink.counters.allSatisfy { $0.scale == 100 })
    #expect(sink.counters.first { $0.name == "rkB/s" }?.unit == .kibibytes)
  }

  @Test("older columns, numbers with a comma, devices alone, and a new run begins with a banner")
  func older() throws {
    let run = """
      Linux 2.6.32-754.el6.x86_64 (db1) \t22.11.2026 \t_x86_64_\t(4 CPU)

      Device:         rrqm/s   wrqm/s     r/s     w/s   rsec/s   wsec/s avgrq-sz avgqu-sz   await  svctm  %util
      sda               0,02     3,16    0,55    1,36    22,34    36,12    30,61     0,02    9,11   1,48   0,28

      Device:         rrqm/s   wrqm/s     r/s     w/s   rsec/s   wsec/s avgrq-sz avgqu-sz   await  svctm  %util
      sda               0,00     0,00  120,00    0,00   960,00     0,00     8,00     1,00   97,30   8,20  98,40


      """
    let (sink, summary) = try read(run + run)
    #expect(summary.format == "iostat" && summary.skippedLines == 0)
    #expect(summary.toolClock == "none")
    #expect(sink.series("iostat disk sda", "await") == [911, 9_730, 911, 9_730])
    #expect(sink.samples(of: .sinceBoot) == 22 && sink.samples(of: .mean) == 8)
    #expect(sink.counters.first { $0.name == "rsec/s" && $0.nature == .rate }?.unit == .sectors)
  }

  @Test("a report of the time since boot alone is refused, with what to save")
  func sinceBootAlone() throws {
    let text = """
      avg-cpu:  %user   %nice %system %iowait  %steal   %idle
                 6.18    0.00   11.24   48.31    2.25   32.02

      Device             tps    kB_read/s    kB_wrtn/s    kB_read    kB_wrtn
      vda              12.00       196.00       328.50        196        328

      """
    let error = #expect(throws: IngestError.self) { try read(text) }
    #expect("\(String(describing: error))".contains("without a report of an interval"))
  }

  @Test("what is no report of iostat is none")
  func others() throws {
    let (sink, summary) = try read(
      """
      avg-cpu:  %user   %nice %system %iowait  %steal   %idle
                 6.18    0.00   11.24   48.31    2.25   32.02

      Device             tps    kB_read/s    kB_wrtn/s    kB_read    kB_wrtn
      vda              12.00       196.00       328.50        196        328
      vda              12.00       196.00
      vda              12.00       196.00     a 1 2

      """
        + String(
          repeating: """

            Device             tps    kB_read/s    kB_wrtn/s    kB_read    kB_wrtn
            vda              13.00       196.00       328.50        196        328

            """, count: 3))
    #expect(summary.skippedLines == 2)
    #expect(sink.series("iostat disk vda", "tps") == [1_200, 1_300, 1_300, 1_300])
    #expect(sink.series("iostat disk vda", "kB_read").isEmpty)
  }
}
