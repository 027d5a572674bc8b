import Testing
import TraceModel

@testable import TraceIngest

struct KVMTracepointsTests {
  @Test("entries and exits become time in the guest and time out of it by reason")
  func sums() throws {
    let exits = try Self.read(
      """
       CPU 0/KVM  2842 [000]  10.000000: kvm:kvm_entry: vcpu 0, rip 0x1
       CPU 0/KVM  2842 [000]  10.000300: kvm:kvm_exit: vcpu 0 reason msr rip 0x1 info1 0x1
       CPU 0/KVM  2842 [000]  10.000350: kvm:kvm_entry: vcpu 0, rip 0x1
       CPU 1/KVM  2843 [001]  10.000400: kvm:kvm_exit: reason HLT rip 0x1 info 0 0
       CPU 0/KVM  2842 [000]  10.000550: kvm:kvm_exit: vcpu 0 reason msr rip 0x1 info1 0x1
       CPU 0/KVM  2842 [000]  10.000560: kvm:kvm_entry: vcpu 0, rip 0x1
       CPU 1/KVM  2843 [001]  10.001400: kvm:kvm_entry: vcpu 1
      """)
    #expect(exits.map(\.tid) == [2842, 2843])
    #expect(exits.map(\.vcpu) == [0, 1])
    #expect(exits[0].guest == 500_000)
    #expect(exits[0].entries == 2)
    #expect(exits[0].reasons["msr"]?.count == 2)
    #expect(exits[0].reasons["msr"]?.sum == 60_000)
    #expect(exits[0].reasons["msr"]?.greatest == 50_000)
    #expect(exits[1].reasons["HLT"]?.sum == 1_000_000)
    #expect(exits[1].guest == 0)
  }

  @Test("what lies over a hole in the trace is not counted, and Arm's reasons are read")
  func lossAndArm() throws {
    let exits = try Self.read(
      """
       CPU 0/KVM  7 [000]  10.000000: kvm:kvm_entry: PC: 0xffff800010b0d2c4
       CPU 0/KVM  7 [000]  10.000100: PERF_RECORD_LOST lost 5
       CPU 0/KVM  7 [000]  10.000300: kvm:kvm_exit: TRAP: HSR_EC: 0x0001 (WFx), PC: 0xffff80001
       CPU 0/KVM  7 [000]  10.000900: kvm:kvm_entry: PC: 0xffff800010b0d2c4
      """)
    #expect(exits.first?.guest == 0)
    #expect(exits.first?.reasons["WFx"]?.sum == 600_000)
    #expect(KVMExits.isHalt("WFx"))
    #expect(!KVMExits.isHalt("msr"))
  }

  private static func read(_ text: String) throws -> [KVMExits] {
    try readSched(text + "\n", as: "perf-script").summary.kvmExits
  }
}
