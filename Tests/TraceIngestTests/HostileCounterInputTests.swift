import Testing
import TraceModel

@testable import TraceIngest

/// Damaged text of every format is read to its end without a trap, and nothing is read twice.
@Suite struct HostileCounterInput {
  /// A piece of each format, so that damage meets every parser.
  static let texts: [String] = [
    """
    Wed Oct  7 10:11:12 AM CEST 2026
    procs -----------memory---------- ---swap-- -----io---- -system-- ------cpu----- -----timestamp-----
     r  b   swpd   free   buff  cache   si   so    bi    bo   in   cs us sy id wa st                 UTC
     7  0      0 302340   3832  95856    0    0   578   387  213  192  7 29 48  5 10 2026-11-22 09:30:42
    disk- ------------reads------------ ------------writes----------- -----IO------
           total merged sectors      ms  total merged sectors      ms    cur    sec
    sda    15257    100  841035    8395  50851   5502 1648657  146540      0     44
     10 disks
     16345678 K total memory
    """,
    """
    === 2026-10-07T10:11:12.123+02:00 ===
                               node0           node1
    numa_hit                  575343          983088

    Per-node process memory usage (in MBs) for PID 18571 (qemu-system-x86)
                               Node 0           Total
    Private                   1650.08         1650.08
    /sys/devices/system/node/node0/numastat:numa_hit 10
    mer. 07 oct. 2026 12:11:12 CEST
    2026年 10月  7日 水曜日 19:11:12 JST
    """,
    """
    1791367872.123456789
    # ethtool -S eth0
    NIC statistics:
         rx_queue_0_packets: 116
         Tx Queue#: 0
           ucast pkts tx: 12
    Ring parameters for eth0:
    Pre-set maximums:
    RX:             256
    2: eth0@if3: <UP,LOWER_UP> mtu 1500
        RX:  bytes packets errors dropped  missed   mcast
           1.23M    8910      0      12       0       0
    qdisc fq_codel 0: dev eth0 parent 1:1 limit 10240p
     Sent 2376674 bytes 33642 pkt (dropped 3, overlimits 0 requeues 7)
     rate 0bit 0pps backlog 9Kb 0p requeues 7
    [{"ifname":"eth0","stats64":{"rx":{"bytes":7,"dropped":5}}}]
    """,
    """
    ## 1795339842.083645 uptime 60.36 46.40
    Inter-|   Receive                                                |  Transmit
     face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
        lo:       0       0    0    0    0     0          0         0        0       0    0    0    0     0       0          0
    00001daf 00000000 00000077 00000000 00000000 00000000 00000000 00000000 00000000
     254      16 vdb 12 2 106 130 4331 237 75040 82354 0 21904 90490
    version 15
    cpu0 0 0 7102 1051 3677 3032 31366985780 32904218657 7186
    domain0 3 765 701 11 16026 62 0 0 686 391 268 35 606053 130 0 0 267 122 96 1 36 25 0 0
    cpu  721 0 2407 4640 496 0 425 1001 0 0
    nr_free_pages 75585
    2842 (CPU 0/KVM) 32932224795 6123664698 5991
    """,
    """
    # CPU,Core,Socket,Node
    0,0,0,0
    """,
    """
    available: 2 nodes (0-1)
    node 0 cpus: 0 1
    node 0 size: 1970 MB
    node   0   1
      0:  10  21
    """,
    """
      PID   TID PSR COMMAND
    18571 18579   1 CPU 0/TCG
    * CPU #0: thread_id=25627
    """,
    """
    {"web1": {"return": [{"thread-id": 25627, "props": {"thread-id": 0}, "cpu-index": 3}]}}
    """,
    """
    qemu-system-x86_64 -name guest=a,debug-threads=on -device 'virtio-blk-pci,drive=x y'
    """,
    """
    NAME      MAJ:MIN         SIZE TYPE   START
    loop6       7:6     3221225472 loop
    ├─loop6p1 259:0     1610612736 part    2048
    NAME="sda1" MAJ:MIN="8:1" PKNAME="sda" SIZE="9G" START="2048"
    """,
    """
    2026-10-07 08:02:19.454+0000: starting up libvirt version: 11.1.0, qemu version: 9.2.3
    LC_ALL=C \\
    /usr/bin/qemu-system-x86_64 \\
    -name guest=web1,debug-threads=on \\
    -object '{"qom-type":"iothread","id":"it'\\''s"}' \\
    -msg timestamp=on
    2026-10-07 09:00:00.000+0000: shutting down, reason=destroyed
    """,
    """
    #==[ Command ]======================================#
    # /usr/bin/vmstat 1 4
     r  b   swpd   free   buff  cache   si   so    bi    bo   in   cs us sy id wa st
     7  0      0 302340   3832  95856    0    0   578   387  213  192  7 29 48  5 10
    [root@web1 ~]# ps aux
    USER       PID %CPU COMMAND
    qemu      2832 75.0 /usr/bin/qemu-system-x86_64 -name a -object {"id":"x y"}
    === free -m ===
    Mem: 1 2 3
    ==> /proc/diskstats <==
     8    1 sda1 5024 46400 6662 13324
    """,
    """
    {"blockdevices": [{"name": "sda", "maj:min": " 8:0", "children": [{"name": "sda1"}]}]}
    """,
    """
    vg-my--lv: 0 41943040 linear 8:2 2048
    luks: 0 2048 crypt aes 0000 0 251:0 32768
    """,
    """
    [{ "start": 0, "length": 65536, "depth": 0, "data": true, "offset": 393216}]
    """,
    """
    Filesystem type is: ef53
    File size of what is this is 270139392 (65952 blocks of 4096 bytes)
     ext:     logical_offset:        physical_offset: length:   expected: flags:
       0:        0..      48:     151552..    151600:     49:
    """,
    """
    /sys/block/vdb/queue/nr_requests:256
    """,
  ]

  @Test(arguments: texts.indices)
  func damageNeverTraps(_ index: Int) throws {
    var random = UInt64(index + 1)
    func next(_ below: Int) -> Int {
      random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(random >> 33) % max(1, below)
    }
    let pieces: [[UInt8]] = [
      [0], [0xFF, 0xFE], Array("18446744073709551616".utf8), Array("9223372036854775807".utf8),
      Array("-1".utf8), Array("==> ".utf8), Array("]".utf8), [10], [9, 9], Array("1e99".utf8),
      Array("4294967296".utf8), Array("\"".utf8), Array("[[[[".utf8), Array("é".utf8),
    ]
    let whole = Array(Self.texts[index].utf8) + [10]
    guard let format = IngestRun.recognize(whole.span) else {
      Issue.record("text \(index) is of no format")
      return
    }
    for _ in 0..<150 {
      var text = whole
      for _ in 0...next(6) {
        let at = next(text.count)
        switch next(4) {
        case 0: text[at] = UInt8(next(256))
        case 1: text.removeSubrange(at..<min(text.count, at + 1 + next(20)))
        case 2: text.insert(contentsOf: pieces[next(pieces.count)], at: at)
        default: text.insert(contentsOf: Array(whole[next(whole.count)...].prefix(40)), at: at)
        }
        if text.isEmpty { text = [10] }
      }
      let sink = RecordedCounters()
      let summary = try Self.read(text, format, sink)
      let lines = Int64(text.count { $0 == 10 } + 1)
      #expect(summary.skippedLines <= lines)
      // A whole-file format may have several facts per line, but never more than bytes.
      #expect(summary.events <= text.count)
      _ = IngestRun.recognize(text.span)
    }
  }

  /// Reads bytes as a format; a line that is refused is counted, as the run does.
  private static func read(
    _ text: [UInt8], _ format: any TraceFormat, _ sink: RecordedCounters
  ) throws -> SourceSummary {
    switch format.reader(into: sink) {
    case .bytes(let reader):
      let whole = try #require(reader as? any WholeFileReader)
      try whole.read(whole: text.span, 0..<text.count)
      return try reader.finish()
    case .lines(let reader):
      var start = 0
      var number: Int64 = 0
      var skipped: Int64 = 0
      while start < text.count {
        let end = text[start...].firstIndex(of: 10) ?? text.count
        number += 1
        do {
          try reader.read(text.span, start..<end, number: number)
        } catch is ParseError {
          skipped += 1
        }
        start = end + 1
      }
      var summary = try reader.finish()
      summary.skippedLines += skipped
      return summary
    }
  }
}
