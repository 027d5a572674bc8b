import Foundation
import Testing
import TraceModel

@testable import TraceIngest

private func read(_ text: String, as name: String = "file.txt") throws -> (
  limits: [String], facts: TopologyBatch, summary: SourceSummary
) {
  let folder = FileManager.default.temporaryDirectory
    .appending(path: "hiddenq-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: folder) }
  let path = folder.appending(path: name).path
  try Data(text.utf8).write(to: URL(filePath: path))
  let sink = RecordedCounters()
  let summary = try IngestRun(source: ByteSource(path: path)).read(into: sink)
  let limits = sink.topology.settings.filter { $0.kind == "limit" }.map {
    "\($0.object) \($0.name) \($0.value)"
  }
  return (limits, sink.topology, summary)
}

/// Limits on I/O have one name each, whatever states them.
struct LimitFactsTests {
  @Test("query-block: of a disk, by its device; 0 is no limit; its node does not say it twice")
  func queryBlock() throws {
    let inserted = """
      "inserted": {"iops": 200, "iops_rd": 0, "iops_wr": 0, "bps": 0, "bps_rd": 0, "bps_wr": 1048576,
        "iops_max": 400, "iops_max_length": 3, "iops_size": 4096, "group": "g0", "node-name": "data0", "drv": "raw",
        "file": "/dev/loop6p1", "image": {"virtual-size": 1610612736}}
      """
    let disk = """
      {"device": "", "qdev": "/machine/peripheral/datadisk/virtio-backend", "io-status": "ok", \(inserted)}
      """
    let node = """
      {"execute": "query-named-block-nodes", "return": [{"iops": 200, "node-name": "data0", "drv": "raw"},
        {"iops": 300, "node-name": "other0", "drv": "raw"}]}
      """
    let (limits, facts, summary) = try read("{\"return\": [\(disk)]}\n\(node)\n")
    #expect(summary.format == "qmp" && summary.skippedLines == 0)
    #expect(
      limits == [
        "datadisk iops 200", "datadisk bps_wr 1048576", "datadisk iops_max 400", "other0 iops 300",
      ])
    #expect(facts.drives.map(\.node) == ["data0"])
  }

  @Test("qom-get of a throttle group, with the command or without")
  func throttleGroup() throws {
    let reply = """
      {"iops-total": 150, "iops-total-max": 0, "iops-total-max-length": 1, "bps-total": 0, "bps-read": 5000000,
       "bps-write": 0, "iops-read": 0, "iops-write": 0, "iops-size": 0}
      """
    let bare = try read("{\"return\": \(reply)}\n")
    #expect(bare.limits == [" iops 150", " bps_rd 5000000"] && bare.summary.format == "qmp")
    let named = try read(
      """
      {"execute": "qom-get", "arguments": {"path": "/objects/limits0", "property": "limits"}, "return": \(reply)}

      """)
    #expect(named.limits == ["limits0 iops 150", "limits0 bps_rd 5000000"])
  }

  @Test("options of QEMU: -drive, and -object in both forms")
  func commandLine() throws {
    let (limits, _, summary) = try read(
      """
      2832 qemu-system-x86_64 -name web1 -drive file=/a.img,if=virtio,id=d0,throttling.iops-total=200,bps_rd=1000 \
      -object throttle-group,id=g1,x-iops-write=50 \
      -object {"qom-type":"throttle-group","id":"g2","limits":{"bps-total":7000000}} -smp 2

      """)
    #expect(summary.format == "qemu-cmdline")
    #expect(limits == ["d0 iops 200", "d0 bps_rd 1000", "g1 iops_wr 50", "g2 bps 7000000"])
  }

  @Test("virsh blkdeviotune")
  func blkdeviotune() throws {
    let (limits, _, summary) = try read(
      """
      $ virsh blkdeviotune web1 vda
      total_bytes_sec: 0
      read_bytes_sec : 0
      write_bytes_sec: 52428800
      total_iops_sec : 200
      read_iops_sec  : 0
      write_iops_sec : 0
      total_bytes_sec_max: 0
      total_iops_sec_max: 400
      size_iops_sec  : 0
      group_name     : drive-virtio-disk0
      total_iops_sec_max_length: 1

      """)
    #expect(summary.format == "blkdeviotune" && summary.skippedLines == 0)
    #expect(limits == [" bps_wr 52428800", " iops 200", " iops_max 400"])
  }

  @Test("a guest's XML: its disks, their limits, a quota of its CPUs, the threads of its vCPUs")
  func domain() throws {
    let (limits, facts, summary) = try read(
      """
      <domstatus state='running' reason='booted' pid='2832'>
        <vcpus>
          <vcpu id='0' pid='25627'/>
        </vcpus>
        <domain type='kvm' id='3'>
          <name>web1</name>
          <vcpu placement='static'>2</vcpu>
          <cputune>
            <period>100000</period>
            <quota>20000</quota>
          </cputune>
          <devices>
            <disk type='file' device='disk'>
              <driver name='qemu' type='qcow2'/>
              <source file='/images/web1.qcow2'/>
              <backingStore type='file'>
                <format type='qcow2'/>
                <source file='/images/base.qcow2'/>
              </backingStore>
              <target dev='vda' bus='virtio'/>
              <iotune>
                <total_iops_sec>200</total_iops_sec>
                <read_bytes_sec>0</read_bytes_sec>
              </iotune>
            </disk>
            <disk type="block" device="disk">
              <source dev="/dev/vg/data"/>
              <target dev="vdb" bus="virtio"/>
            </disk>
          </devices>
        </domain>
      </domstatus>

      """)
    #expect(summary.format == "libvirt-xml" && summary.skippedLines == 0)
    #expect(limits == ["vda iops 200", "web1 vcpu_quota 20000 100000"])
    #expect(facts.drives.map(\.device) == ["vda", "vdb"])
    #expect(facts.drives.map(\.file) == ["/images/web1.qcow2", "/dev/vg/data"])
    #expect(facts.drives.map(\.driver) == ["qcow2", nil])
    #expect(facts.threads.map(\.tid) == [25627] && facts.threads[0].role == .vcpu)
  }

  @Test("io.max and cpu.max of control groups, of both versions")
  func controlGroups() throws {
    let (limits, _, summary) = try read(
      """
      /sys/fs/cgroup/machine.slice/web1/io.max:8:16 rbps=max wbps=2097152 riops=max wiops=120
      /sys/fs/cgroup/machine.slice/web1/cpu.max:20000 100000
      /sys/fs/cgroup/machine.slice/web2/cpu.max:max 100000
      /sys/fs/cgroup/blkio/web1/blkio.throttle.read_iops_device:8:0 90

      """)
    #expect(summary.format == "cgroup-limits" && summary.skippedLines == 0)
    #expect(
      limits == [
        "8,16 bps_wr 2097152", "8,16 iops_wr 120", " cpu_quota 20000 100000", "8,0 iops_rd 90",
      ])
    #expect(
      try read("253:0 rbps=max wbps=max riops=200 wiops=200\n").limits == [
        "253,0 iops_rd 200", "253,0 iops_wr 200",
      ])
  }
}

/// Which CPUs threads may use.
struct AffinityFactsTests {
  private static func affinities(_ text: String) throws -> [String] {
    let (_, facts, summary) = try read(text)
    #expect(summary.format == "taskset" && summary.skippedLines == 0)
    return facts.settings.filter { $0.kind == "affinity" }.map { "\($0.object) \($0.value)" }
  }

  @Test("taskset prints a list, or a mask with the highest CPUs first")
  func taskset() throws {
    #expect(
      try Self.affinities(
        """
        pid 2842's current affinity list: 0-3,6
        pid 2843's current affinity mask: 4f
        pid 2844's current affinity mask: 1,00000001

        """) == ["2842 0-3,6", "2843 0,1,2,3,6", "2844 0,32"])
  }

  @Test(
    "virsh prints the CPUs of each virtual CPU, in the form of old and new versions",
    arguments: [
      " VCPU   CPU Affinity\n----------------------\n 0      0-3\n 1      4,6\n",
      "VCPU: CPU Affinity\n----------------------------------\n   0: 0-3\n   1: 4,6\n",
    ])
  func vcpupin(_ text: String) throws {
    let (_, facts, summary) = try read(text)
    #expect(summary.format == "vcpupin" && summary.skippedLines == 0)
    #expect(
      facts.settings.map { "\($0.kind) \($0.object) \($0.value)" } == [
        "affinity vcpu 0 0-3", "affinity vcpu 1 4,6",
      ])
  }

  @Test("a loop prints it beside the names, which may hold any word")
  func loop() throws {
    #expect(
      try Self.affinities(
        """
        tid 2842 comm CPU 0/KVM affinity 0
        tid 2838 comm IO affinity 9 affinity 0,1
        tid 2877 comm
        vcpu 0 thread-id 2842
        iothread io1 thread-id 2838

        """) == ["2842 0", "2838 0,1"])
  }
}
