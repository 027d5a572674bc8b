import Testing
import TraceModel

@testable import TraceCorrelation

@Suite("Whose threads they are")
struct ThreadOwnersTests {
  @Test(
    "a name tells the role",
    arguments: [
      ("CPU 0/KVM", ThreadRole.vcpu), ("CPU 12/TCG", .vcpu), ("CPU x/KVM", .other),
      ("fc_vcpu 1", .vcpu), ("crosvm_vcpu2", .vcpu), ("vcpu3", .vcpu), ("vcpus", .other),
      ("vhost-174", .vhost), ("vhost-user", .other), ("IO iothread1", .iothread),
      ("IO io1", .iothread), ("kworker/u8:3", .kernel), ("rcu_preempt", .kernel),
      ("kthreadd", .kernel), ("kswapd0", .kernel), ("kswapdaemon", .other), ("fio", .other),
    ])
  func name(_ name: String, _ role: ThreadRole) {
    let owners = ThreadOwners([Self.thread(1, 100, name)], facts: [], named: [:], guests: [])
    #expect(owners.owners[1]?.role == role)
  }

  @Test("a program that calls itself like a kernel thread is none when ps shows its parent")
  func disguise() {
    var fact = ThreadOwners.Fact(tid: 700)
    fact.process = 700
    fact.parent = 1
    fact.name = "kworker/0:7"
    var real = ThreadOwners.Fact(tid: 30)
    real.process = 30
    real.parent = 2
    real.name = "odd_name"
    let owners = ThreadOwners(
      [Self.thread(1, 700, "kworker/0:7"), Self.thread(2, 30, "odd_name")], facts: [fact, real],
      named: [:], guests: [])
    #expect(owners.owners[1]?.role == .other)
    #expect(owners.owners[2]?.role == .kernel)
  }

  @Test("with debug-threads=off QEMU's reply tells the vCPUs, and ps the process of the others")
  func namesOff() {
    func listed(_ tid: Int64) -> ThreadOwners.Fact {
      var fact = ThreadOwners.Fact(tid: tid)
      fact.process = 40
      fact.name = "qemu-system-x86"
      fact.role = .emulator
      return fact
    }
    var vcpu = ThreadOwners.Fact(tid: 42)
    vcpu.role = .vcpu
    vcpu.vcpu = 0
    let threads = [40, 41, 42].map { Self.thread($0, $0, "qemu-system-x86") }
    let owners = ThreadOwners(
      threads + [Self.thread(9, 9, "vhost-40")], facts: [listed(40), listed(41), listed(42), vcpu],
      named: [:], guests: ["web1"])
    #expect([40, 41, 42, 9].map { owners.owners[$0]?.guest } == ["web1", "web1", "web1", "web1"])
    #expect(
      [40, 41, 42, 9].map { owners.owners[$0]?.role } == [.emulator, .emulator, .vcpu, .vhost])
  }

  @Test("a hypervisor that no file tells of is not the only guest's: there is one vCPU of a number")
  func passingHypervisor() {
    var vcpu = ThreadOwners.Fact(tid: 42)
    vcpu.process = 40
    vcpu.name = "CPU 0/TCG"
    let owners = ThreadOwners(
      [
        Self.thread(1, 42, "CPU 0/TCG"), Self.thread(2, 99, "CPU 0/TCG"),
        Self.thread(3, 43, "CPU 1/TCG"),
      ],
      facts: [vcpu], named: [:], guests: ["web1"])
    #expect([1, 2, 3].map { owners.owners[$0]?.guest } == ["web1", nil, "web1"])
    #expect([1, 2, 3].map { owners.owners[$0]?.role } == [.vcpu, .vcpu, .vcpu])
  }

  @Test("two guests are told apart by their processes, and named by what names them")
  func twoGuests() {
    func listed(_ tid: Int64, _ process: Int64, _ name: String) -> ThreadOwners.Fact {
      var fact = ThreadOwners.Fact(tid: tid)
      fact.process = process
      fact.name = name
      return fact
    }
    let facts = [
      listed(40, 40, "qemu-kvm"), listed(42, 40, "CPU 0/KVM"), listed(50, 50, "qemu-kvm"),
      listed(52, 50, "CPU 0/KVM"),
    ]
    let threads = [
      Self.thread(1, 42, "CPU 0/KVM"), Self.thread(2, 52, "CPU 0/KVM"),
      Self.thread(3, 50, "qemu-kvm"),
    ]
    let owners = ThreadOwners(threads, facts: facts, named: [50: "db"], guests: ["db", "web"])
    #expect(owners.owners[1]?.guest == "pid 40")
    #expect(owners.owners[2]?.guest == "db")
    #expect(owners.owners[3]?.guest == "db")
    #expect(owners.owners[3]?.role == .emulator)
  }

  @Test("of two bearers of one number the fact is about the one whose name fits")
  func reuse() {
    var vcpu = ThreadOwners.Fact(tid: 42)
    vcpu.role = .vcpu
    vcpu.vcpu = 3
    let owners = ThreadOwners(
      [Self.thread(1, 42, "make", run: 900), Self.thread(2, 42, "CPU 3/KVM", run: 5)],
      facts: [vcpu], named: [:], guests: ["web"])
    #expect(owners.owners[1]?.role == .other)
    #expect(owners.owners[1]?.guest == nil)
    #expect(owners.owners[2]?.role == .vcpu)
    #expect(owners.owners[2]?.vcpu == 3)
  }

  @Test(
    "a file's name tells the guest",
    arguments: [
      ("host/qmp-cpus-web1.json", ["web1", "db"], "web1"),
      ("host/qmp-cpus-web-1.json", ["1", "web-1"], "web-1"),
      ("host/qmp-iothreads-db.json", [], "db"), ("host/qmp.json", ["web1"], nil),
      ("host/qmp-cpus.json", [], nil), ("host/qmp-start.json", [], nil),
    ])
  func fileName(_ path: String, _ guests: [String], _ guest: String?) {
    #expect(ThreadOwners.guest(ofFile: path, guests: guests) == guest)
  }

  private static func thread(
    _ id: Int64, _ tid: Int64, _ name: String, run: Int64 = 1
  ) -> ThreadOwners.Traced {
    ThreadOwners.Traced(id: id, tid: tid, process: nil, name: name, run: run)
  }
}
