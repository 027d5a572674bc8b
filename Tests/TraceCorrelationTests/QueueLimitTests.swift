import Testing
import TraceModel

@testable import TraceCorrelation

/// What settings say of how much a queue can hold.
struct QueueLimitTests {
  private static func limits(
    _ settings: [(machine: String, kind: String, object: String, name: String, value: String)],
    _ devices: [(name: String, device: String)] = []
  ) -> QueueLimits {
    QueueLimits(
      settings.map {
        QueueLimits.Setting(
          machine: $0.machine, kind: $0.kind, object: $0.object, name: $0.name, value: $0.value)
      },
      devices: Dictionary(grouping: devices) { QueueLimits.Disk(machine: "g", name: $0.name) }
        .mapValues { Set($0.map(\.device)) })
  }

  @Test(
    "a disk's name is its device by the lists of disks, and without one by its letter",
    arguments: [
      ("vda", "254,0", 64), ("vdb", "254,16", 64), ("vdb", "254,0", nil), ("vdb", "8,16", nil),
      ("sdb", "8,16", 64), ("sdq", "8,256", nil), ("sdb", "254,16", nil), ("nvme0n1", "259,0", nil),
    ] as [(String, String, Int64?)])
  func byLetter(_ name: String, _ device: String, _ limit: Int64?) {
    let limits = Self.limits([("g", "queue", name, "nr_requests", "64")])
    #expect(limits.limit(.guestScheduler, machine: "g", device: device) == limit)
    #expect(limits.limit(.hostScheduler, machine: "other", device: device) == nil)
    #expect(limits.limit(.hardwareQueue, machine: "g", device: device) == nil)
  }

  @Test("what a list of disks says comes before the letter")
  func listed() {
    let limits = Self.limits(
      [("g", "queue", "vda", "nr_requests", "256"), ("g", "queue", "nvme0n1", "nr_tags", "1023")],
      [("vda", "254,32"), ("nvme0n1", "259,1")])
    #expect(limits.limit(.guestScheduler, machine: "g", device: "254,32") == 256)
    #expect(limits.limit(.guestScheduler, machine: "g", device: "254,0") == nil)
    #expect(limits.limit(.hardwareQueue, machine: "g", device: "259,1") == 1023)
  }

  @Test(
    "the ring of a guest is what its hypervisor's device says",
    arguments: [
      ("virtio-blk-pci,drive=d0,queue-size=256,id=disk0", 256),
      ("virtio-net-pci,queue-size=512", nil), ("queue-size=128,virtio-blk-pci", nil),
      ("virtio-blk-pci,queue-size=", nil), ("virtio-blk-pci,queue-size=99999999999999999999", nil),
    ] as [(String, Int64?)])
  func ring(_ value: String, _ limit: Int64?) {
    let limits = Self.limits([("host", "qemu", "vm1", "-device", value)])
    #expect(limits.limit(.virtioQueue, machine: "vm1", device: "254,0") == limit)
    #expect(limits.limit(.virtioQueue, machine: "vm2", device: "254,0") == nil)
    let other = Self.limits([("host", "queue", "vm1", "-device", value)])
    #expect(other.limit(.virtioQueue, machine: "vm1", device: "254,0") == nil)
  }
}
