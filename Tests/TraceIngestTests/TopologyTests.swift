import Foundation
import Testing
import TraceModel

@testable import TraceIngest

private func read(_ text: String) throws -> (TopologyBatch, SourceSummary) {
  let path = FileManager.default.temporaryDirectory
    .appending(path: "hiddenq-\(UUID().uuidString).txt").path
  try Data(text.utf8).write(to: URL(filePath: path))
  defer { try? FileManager.default.removeItem(atPath: path) }
  let sink = RecordedCounters()
  let summary = try IngestRun(source: ByteSource(path: path)).read(into: sink)
  return (sink.topology, summary)
}

@Suite struct TopologyTests {
  @Test func lscpuNamesItsColumns() throws {
    let (facts, summary) = try read(
      """
      # The following is the parsable format, which can be fed to other
      # CPU,Core,Socket,Node,,L1d,L1i,L2,L3
      0,0,0,0,,0,0,0,0
      2,1,1,1,,1,1,1,1
      3,-,-,,,,,,

      """)
    #expect(summary.format == "lscpu")
    #expect(facts.cpus.map(\.node) == [0, 1, nil])
    #expect(facts.cpus.map(\.core) == [0, 1, nil])
    #expect(facts.cpus.map(\.cpu) == [0, 2, 3])
  }

  @Test func nodesWithoutCPUsAndSparseNodes() throws {
    let (facts, summary) = try read(
      """
      available: 2 nodes (0,8)
      node 0 cpus: 0 1
      node 0 size: 1970 MB
      node 0 free: <not available>
      node 8 cpus:
      node 8 size: 1945 MB
      node distances:
      node     0    8
         0:   10   21
         8:   21   10

      """)
    #expect(summary.format == "numactl")
    #expect(summary.skippedLines == 0)
    #expect(facts.cpus.map(\.cpu) == [0, 1])
    #expect(facts.nodes.filter { $0.kind == .size }.map(\.value) == [1970 << 20, 1945 << 20])
    #expect(facts.nodes.first { $0.node == 8 && $0.other == 0 }?.value == 21)
  }

  @Test func threadsAreKnownByTheirNames() throws {
    let (facts, summary) = try read(
      """
        PID   TID PSR CLS PRI  NI     TIME STAT COMMAND
          1     1   1  TS  19   0 00:00:04 S    (sd pam) x
      18571 18571   1  TS  19   0 00:00:04 S    qemu-system-x86
      18571 18577   0  TS  19   0 00:00:04 S    IO io 1
      18571 18579   1  TS  19   0 00:00:04 S    CPU 12/KVM
       2840  2840   1  TS  19   0 00:00:04 S    vhost-2832
      * CPU #0: thread_id=25627
      """)
    #expect(summary.format == "ps")
    #expect(summary.skippedLines == 0)
    #expect(facts.threads.map(\.role) == [nil, .emulator, .iothread, .vcpu, .vhost, .vcpu])
    #expect(facts.threads[0].comm == "(sd pam) x")
    #expect(facts.threads[2].name == "io 1")
    #expect(facts.threads[3].vcpu == 12)
    #expect(facts.threads[3].cpu == 1)
    #expect(facts.threads[5].tid == 25627)
  }

  static let cpu = """
    {"thread-id": 25627, "props": {"core-id": 0, "thread-id": 0}, "cpu-index": 3, "target": "x86_64"}
    """

  @Test(arguments: [
    ("{\"return\": [\(cpu)], \"id\": \"libvirt-1\"}", nil),
    ("[\(cpu)]", nil),
    ("{\"query-cpus-fast\": {\"return\": [\(cpu)]}, \"query-iothreads\": {\"return\": []}}", nil),
    ("{\"web1\": {\"return\": [\(cpu)]}}", "web1"),
    ("{\"web1\": {\"query-cpus-fast\": [\(cpu)]}}", "web1"),
    ("{\"QMP\": {\"version\": {}}}\n{\"return\": {}}\n{\"return\": [\(cpu)]}\n", nil),
    ("{\"query-name\": {\"return\": {\"name\": \"web2\"}}, \"query-cpus-fast\": [\(cpu)]}", "web2"),
  ])
  func monitorRepliesInAllTheirShapes(_ text: String, _ guest: String?) throws {
    let (facts, summary) = try read(text)
    #expect(summary.format == "qmp")
    #expect(facts.threads.map(\.tid) == [25627])
    #expect(facts.threads.map(\.vcpu) == [3])
    #expect(facts.threads.map(\.guest) == [guest])
  }

  @Test func iothreadsAndDrives() throws {
    let (facts, _) = try read(
      """
      {"query-iothreads": {"return": [{"thread-id": 18577, "id": "io\\u0031"}]},
       "query-block": {"return": [{"device": "", "removable": false, "qdev": "/machine/data0",
         "inserted": {"drv": "qcow2", "node-name": "n0", "file": "d.qcow2",
           "image": {"virtual-size": 1677721600}}}]}}
      """)
    #expect(facts.threads.first?.role == .iothread)
    #expect(facts.threads.first?.name == "io1")
    #expect(facts.drives.first?.file == "d.qcow2")
    #expect(facts.drives.first?.bytes == 1_677_721_600)
  }

  @Test func aJSONTextThatIsCutGivesWhatStandsBefore() throws {
    let text = "{\"return\": [\(Self.cpu)]}\n{\"return\": [{\"thread-id\": 1, \"cpu"
    let path = FileManager.default.temporaryDirectory
      .appending(path: "hiddenq-\(UUID().uuidString).json").path
    try Data(text.utf8).write(to: URL(filePath: path))
    defer { try? FileManager.default.removeItem(atPath: path) }
    let sink = RecordedCounters()
    var options = IngestOptions()
    options.allowedBadPercent = 60
    let run = try IngestRun(source: ByteSource(path: path), options: options)
    let summary = try run.read(into: sink)
    #expect(sink.topology.threads.count == 1)
    #expect(summary.skippedLines == 1)
    #expect(summary.problems.first?.kind == .truncatedLine)
    #expect(summary.problems.first?.line == 2)
  }

  @Test(arguments: [
    "[1,]", "{\"a\" 1}", "{\"a\": tru}", "[\"\\u12\"]", "{", "[[[", "\"abc", "-", "01x", "{1: 2}",
    String(repeating: "[", count: 5000),
  ])
  func brokenJSONIsAnError(_ text: String) {
    let bytes = Array(text.utf8)
    var parser = JSONParser(0..<bytes.count)
    #expect(throws: ParseError.self) {
      while try parser.next(bytes.span) != nil {}
    }
  }

  @Test func commandLineOfAGuest() throws {
    let (facts, summary) = try read(
      "qemu-system-x86_64 -name guest=web1,debug-threads=on -smp 2 -append console=ttyS0 quiet "
        + "-nodefaults -object iothread,id=io1 -device 'virtio-blk-pci,drive=a b'\n")
    #expect(summary.format == "qemu-cmdline")
    #expect(Set(facts.settings.map(\.object)) == ["web1"])
    #expect(facts.settings.map(\.name).contains("-nodefaults"))
    #expect(
      facts.settings.first { $0.name == "-append" }?.value == "console=ttyS0 quiet")
    #expect(
      facts.settings.first { $0.name == "-device" }?.value == "virtio-blk-pci,drive=a b")
  }

  @Test func disksInATree() throws {
    let (facts, summary) = try read(
      """
      NAME      MAJ:MIN         SIZE TYPE   START
      loop6       7:6     3221225472 loop
      ├─loop6p1 259:0     1610612736 part    2048
      │ └─my-lv 253:1     1610612736 lvm
      └─loop6p2 259:1     1609564160 part 3147776
      vda       254:0         256.0G disk
      /sys/block/loop6/loop6p1/start: 2048

      """)
    #expect(summary.format == "lsblk")
    #expect(summary.skippedLines == 0)
    let disks = facts.disks
    #expect(
      disks.map(\.parent) == [nil, "loop6", "loop6p1", "loop6", nil, "loop6"])
    #expect(disks.map(\.start) == [nil, 2048, nil, 3_147_776, nil, 2048])
    #expect(disks[2].number == "253,1")
    #expect(disks[3].bytes == 1_609_564_160)
    #expect(disks[4].bytes == nil)
  }

  @Test func disksInJSONAndPairsAndShiftedTrees() throws {
    let (json, _) = try read(
      """
      {"blockdevices": [{"name": "sda", "maj:min": " 8:0  ", "size": "500", "type": "disk",
        "children": [{"name": "sda1", "maj:min": "8:1", "start": 2048}]}]}
      """)
    #expect(json.disks.map(\.number) == ["8,0", "8,1"])
    #expect(json.disks.map(\.parent) == [nil, "sda"])
    #expect(json.disks[0].bytes == 500)
    let (pairs, _) = try read(
      "NAME=\"sda1\" KNAME=\"x\" MAJ:MIN=\"8:1\" PKNAME=\"sda\" SIZE=\"9G\" START=\"2048\"\n")
    #expect(pairs.disks.first?.parent == "sda")
    #expect(pairs.disks.first?.start == 2048)
    let (shifted, _) = try read(
      """
      NAME                 MAJ:MIN RM  SIZE RO TYPE  MOUNTPOINT
      vda                  252:0    0   10G  0 disk
          |-rhel-root 253:0    0  9.4G  0 lvm   /

      """)
    #expect(shifted.disks.map(\.type) == ["disk", "lvm"])
    #expect(shifted.disks.last?.number == "253,0")
  }

  @Test func mapsInBytes() throws {
    let (image, _) = try read(
      """
      [{ "start": 0, "length": 65536, "depth": 0, "present": true, "zero": false, "data": true,
         "offset": 393216},
       { "start": 65536, "length": 4096, "depth": 1, "zero": true, "data": false}]
      """)
    #expect(image.extents.map(\.targetStart) == [393_216, nil])
    #expect(image.extents[0].detail == "depth=0 present data")
    let (file, summary) = try read(
      """
      Filesystem type is: ef53
      File size of what is this is 270139392 (65952 blocks of 4096 bytes)
       ext:     logical_offset:        physical_offset: length:   expected: flags:
         0:        0..      48:     151552..    151600:     49:
         1:       81..      95:     151633..    151647:     15:     151601: unwritten
         2:       96..      99:          0..         3:      4:             last,unknown_loc,delalloc,eof
      what is this: 3 extents found

      """)
    #expect(summary.skippedLines == 0)
    #expect(file.extents.map(\.object) == Array(repeating: "what is this", count: 3))
    #expect(file.extents[1].start == 81 * 4096)
    #expect(file.extents[1].detail == "unwritten")
    #expect(file.extents.map(\.targetStart) == [620_756_992, 621_088_768, nil])
    let (mapper, _) = try read(
      """
      vg-my--lv: 0 41943040 linear 8:2 2048
      vg-my--lv: 41943040 1024 striped 2 128 8:16 0 8:32 0
      luks: 0 2048 crypt aes-xts-plain64 0000 0 251:0 32768

      """)
    #expect(mapper.extents.map(\.target) == ["8,2", nil, "251,0"])
    #expect(mapper.extents.map(\.targetStart) == [2048 * 512, nil, 32768 * 512])
    #expect(mapper.extents[1].start == 41_943_040 * 512)
  }

  @Test func settingsOfQueues() throws {
    let (facts, summary) = try read(
      """
      vdb/queue/scheduler: [mq-deadline] none
      /sys/block/vdc/queue/nr_requests:32
      vdb nr_tags: 16
      /sys/block/vdb/mq/0
      """)
    #expect(summary.format == "queue-settings")
    #expect(facts.settings.map(\.object) == ["vdb", "vdc", "vdb"])
    #expect(facts.settings.map(\.name) == ["scheduler", "nr_requests", "nr_tags"])
    #expect(facts.settings[0].value == "[mq-deadline] none")
  }

  @Test("a list of devices behind settings of queues is no setting")
  func settingsBesideAList() throws {
    let (facts, summary) = try read(
      """
      vdb/scheduler: [mq-deadline] none
      vdb1 start: 4096
      254:16
      LABDATA0x1af4
      NAME   MAJ:MIN       SIZE TYPE START SERIAL
      vdb    254:16  1610612736 disk
      `-vdb1 254:17  1073741824 part  4096

      """)
    #expect(summary.format == "queue-settings" && summary.skippedLines == 0)
    #expect(facts.settings.map { "\($0.object) \($0.name)" } == ["vdb scheduler", "vdb1 start"])
    #expect(facts.disks.map(\.number) == ["254,16", "254,17"])
    #expect(facts.disks.map(\.parent) == [nil, "vdb"])
  }

  @Test(
    "a wall clock that was set during a capture is said, and NTP's slew is none",
    arguments: [
      ("1795715115.984000000", true, false), ("1795715115.980000000", true, false),
      ("1795715115.998000000", true, false), ("1795715116.100000000", true, true),
      ("1795711515.980000000", true, true), ("1795715115.995000000", false, false),
      ("1795715119.980000000", false, true),
    ])
  func clocksOfACapture(_ end: String, _ isRoot: Bool, _ wasSet: Bool) throws {
    let (facts, summary) = try read(
      """
      start before realtime=1795715085.979000000
      start uptime (CLOCK_BOOTTIME) 26093.64
      \(isRoot ? "start monotonic_ns=26093643000000" : "")
      start after realtime=1795715085.984000000
      end before realtime=\(end)
      end uptime (CLOCK_BOOTTIME) 26123.64
      \(isRoot ? "end monotonic_ns=26123643000000" : "")
      end after realtime=\(end)

      """)
    #expect(summary.format == "capture-clocks")
    #expect(summary.skippedLines == 0)
    #expect(facts.settings.count == (isRoot ? 8 : 6))
    #expect(facts.settings[0].name == "realtime_before_ns")
    #expect(facts.settings[0].value == "1795715085979000000")
    #expect(summary.problems.contains { $0.kind == .wallClockSet } == wasSet)
  }
}
