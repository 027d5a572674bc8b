/// A hypervisor as the processes, threads and settings of a host show it.
///
/// All that is known of one by name is in its profile: another hypervisor is one more profile in ``all``. With
/// `debug-threads=off` QEMU's threads all have the process's name, which says nothing of any one of them.
public struct Hypervisor: Sendable {
  /// What people call it.
  public let name: String
  /// How it calls the threads of virtual CPUs.
  let vcpus: [VCPUName]
  /// How the names of threads begin that do the I/O of disks; behind it stands a name that people choose.
  var ioThreads: [String] = []
  /// Names of other threads that begin so, too.
  var helpers: [String] = []
  /// Names of its processes. The kernel keeps 15 bytes of a name.
  let processes: [String]
  /// How the names of its processes begin, where there are more of them.
  var processHeads: [String] = []
  /// Where its command line says how many requests a disk's paravirtual queue holds.
  var ring: RingOption?

  /// `CPU 3/KVM`: what stands before and behind the number of the virtual CPU.
  struct VCPUName: Sendable {
    let head: String
    /// One of these; nothing where there are none.
    var tails: [String] = []
  }

  /// How a host's tool calls the worlds of virtual CPUs, where it lists worlds and not threads of Linux.
  var vcpuWorlds: [String] = []
  /// An option of a device in a setting of the incident: `virtio-blk-pci,queue-size=256`.
  struct RingOption: Sendable {
    /// The kind of the setting.
    let kind: String
    let device: String
    let key: String
  }

  /// KVM with QEMU.
  public static let qemu = Hypervisor(
    name: "QEMU",
    vcpus: [VCPUName(head: "CPU ", tails: ["/KVM", "/TCG", "/MSHV"])],
    ioThreads: ["IO "], helpers: ["IO mon_iothread"],
    processes: [
      "kvm", "qemu-kvm", "qemu-system-x86_64", "qemu-system-aarch64", "qemu-system-ppc64",
      "qemu-system-s390x", "qemu-system-riscv64", "qemu-system-i386",
    ],
    processHeads: ["qemu-"],
    ring: RingOption(kind: "qemu", device: "virtio-blk", key: "queue-size="))

  /// VMware ESXi: no trace of Linux shows it, esxtop lists its worlds.
  ///
  ///     Vcpu(1423953:poseidon:480221:vmx-vcpu-0:poseidon)
  public static let esxi = Hypervisor(
    name: "ESXi", vcpus: [], processes: [], vcpuWorlds: ["vmx-vcpu-"])

  /// The profiles.
  public static let all = [
    qemu, esxi,
    Hypervisor(
      name: "Firecracker", vcpus: [VCPUName(head: "fc_vcpu ")], processes: ["firecracker"],
      processHeads: ["firecracker"]),
    Hypervisor(
      name: "Cloud Hypervisor", vcpus: [VCPUName(head: "vcpu")], processes: ["cloud-hypervisor"],
      processHeads: ["cloud-hyperviso"]),
    Hypervisor(
      name: "crosvm", vcpus: [VCPUName(head: "crosvm_vcpu")], processes: ["crosvm"],
      processHeads: ["crosvm"]),
    Hypervisor(
      name: "VirtualBox", vcpus: [VCPUName(head: "EMT-")],
      processes: ["VBoxHeadless", "VirtualBoxVM"]),
  ]

  // MARK: Threads

  /// The role of a thread by its name; nil where that says nothing.
  public static func role(ofThread name: String) -> ThreadRole? {
    if vcpu(ofThread: name) != nil { return .vcpu }
    if helpers.contains(name) { return .emulator }
    if ioThreadHeads.contains(where: name.hasPrefix) { return .iothread }
    return vhostProcess(ofThread: name) != nil ? .vhost : nil
  }

  /// The number of the virtual CPU that a thread runs, by its name.
  public static func vcpu(ofThread name: String) -> Int64? {
    for kind in vcpuNames where name.hasPrefix(kind.head) {
      let rest = name.dropFirst(kind.head.count)
      if kind.tails.isEmpty { return number(rest) }
      let tail = kind.tails.first(where: rest.hasSuffix)
      return tail.flatMap { number(rest.dropLast($0.count)) }
    }
    return nil
  }

  /// The number of the virtual CPU that a world of ESXi runs: 1 of `vmx-vcpu-1:poseidon`.
  public static func esxiVCPU(ofWorld name: Substring) -> Int? {
    guard let head = esxi.vcpuWorlds.first(where: name.hasPrefix) else { return nil }
    let digits = name.dropFirst(head.count).prefix { $0.isASCII && $0.isNumber }
    let rest = name.dropFirst(head.count + digits.count)
    return rest.isEmpty || rest.hasPrefix(":") ? Int(digits) : nil
  }

  /// The process that a thread of the kernel works for, `vhost-4000`.
  public static func vhostProcess(ofThread name: String) -> Int64? {
    name.hasPrefix(vhostHead) ? number(name.dropFirst(vhostHead.count)) : nil
  }

  /// The name that people gave to a thread that does I/O: `iothread0` of `IO iothread0`.
  public static func ioThreadName(ofThread name: String) -> String? {
    ioThreadHeads.first(where: name.hasPrefix).map { String(name.dropFirst($0.count)) }
  }

  // MARK: Processes

  /// Whether a process of that name is a hypervisor's.
  public static func isProcess(_ name: String) -> Bool {
    processNames.contains(name) || allProcessHeads.contains(where: name.hasPrefix)
  }

  /// Whether `(qemu-system-x86)`, as numastat writes it, is a hypervisor's; a long name may have been cut.
  public static func isProcess(inParentheses text: String) -> Bool {
    guard text.hasPrefix("(") else { return false }
    let name = text.dropFirst()
    if name.hasSuffix(")") { return isProcess(String(name.dropLast())) }
    return name.count >= 4
      && (isProcess(String(name)) || processNames.contains { $0.hasPrefix(name) })
  }

  // MARK: Lists

  /// Names of processes, and what the kernel keeps of them.
  public static let processNames: Set<String> = {
    let names = all.flatMap(\.processes)
    return Set(names + names.map { String($0.prefix(15)) })
  }()

  /// Names of threads that begin like those that do I/O.
  public static let helpers = Set(all.flatMap(\.helpers))

  /// How names of threads begin that do I/O.
  public static let ioThreadHeads = all.flatMap(\.ioThreads)

  /// How the kernel calls the threads that serve a virtio device; behind it stands the number of the process.
  public static let vhostHead = "vhost-"

  private static let vcpuNames = all.flatMap(\.vcpus)
  private static let allProcessHeads = all.flatMap(\.processHeads)

  private static func number(_ text: some StringProtocol) -> Int64? {
    guard !text.isEmpty, text.allSatisfy({ $0.isASCII && $0.isNumber }) else { return nil }
    return Int64(text)
  }

  // MARK: SQL

  /// The same for views, as patterns of GLOB: of each kind of virtual CPU the pattern and the length of its head.
  public static let vcpuPatterns: [(pattern: String, head: Int)] = vcpuNames.flatMap { kind in
    (kind.tails.isEmpty ? [""] : kind.tails).map { tail in
      (pattern: kind.head + "[0-9]*" + tail, head: kind.head.count)
    }
  }

  /// How many requests a paravirtual queue holds, as a setting of this kind says it; nil where it says nothing of that.
  public static func ringSize(kind: String, value: String) -> Int64? {
    for option in all.lazy.compactMap(\.ring) where option.kind == kind {
      // `virtio-blk-pci,drive=d0,queue-size=256,id=disk0`
      guard let device = value.firstRange(of: option.device),
        let key = value[device.upperBound...].firstRange(of: option.key)
      else { continue }
      return Int64(value[key.upperBound...].prefix { $0.isASCII && $0.isNumber })
    }
    return nil
  }
}
