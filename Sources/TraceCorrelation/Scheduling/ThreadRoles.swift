/// What a thread of a scheduler trace is.
public enum TracedRole: String, Sendable, CaseIterable {
  /// Runs a guest's virtual CPU.
  case vcpu
  /// Does the I/O of a guest's disks.
  case iothread
  /// The kernel's side of a guest's virtio device.
  case vhost
  /// Another thread of a hypervisor's process.
  case emulator
  /// A thread of the kernel.
  case kernel
  /// Any other.
  case other
}

/// What a thread's name says.
///
/// `CPU 3/KVM` (QEMU), `fc_vcpu 0` (Firecracker), `vcpu3` (Cloud Hypervisor), `crosvm_vcpu3`; `IO iothread0`;
/// `vhost-4000`, the process's number behind it. With `debug-threads=off` QEMU's threads all have the
/// process's name, which says nothing of any one of them.
enum ThreadRoleName {
  static func role(_ name: String) -> TracedRole? {
    if vcpu(name) != nil { return .vcpu }
    if name == "IO mon_iothread" { return .emulator }
    if name.hasPrefix("IO ") { return .iothread }
    if vhostProcess(name) != nil { return .vhost }
    return isKernel(name) ? .kernel : nil
  }

  /// The number of the virtual CPU.
  static func vcpu(_ name: String) -> Int64? {
    if name.hasPrefix("CPU ") {
      let parts = name.dropFirst(4).split(separator: "/", omittingEmptySubsequences: false)
      guard parts.count == 2, parts[1] == "KVM" || parts[1] == "TCG" || parts[1] == "MSHV" else {
        return nil
      }
      return number(parts[0])
    }
    for prefix in ["fc_vcpu ", "vcpu", "crosvm_vcpu"] where name.hasPrefix(prefix) {
      return number(name.dropFirst(prefix.count))
    }
    return nil
  }

  /// The process that a vhost thread works for.
  static func vhostProcess(_ name: String) -> Int64? {
    name.hasPrefix("vhost-") ? number(name.dropFirst("vhost-".count)) : nil
  }

  /// Whether a process of that name is a hypervisor's.
  static func isHypervisor(_ name: String) -> Bool {
    hypervisors.contains { name.hasPrefix($0) } || name == "kvm"
  }

  /// Names that the kernel gives its threads; a program may call itself so, too, which is why what `ps` says
  /// of the parent comes first.
  static func isKernel(_ name: String) -> Bool {
    if kernelNames.contains(name) { return true }
    for prefix in kernelPrefixes where name.hasPrefix(prefix) { return true }
    return ["kswapd", "kcompactd", "loop"].contains {
      name.hasPrefix($0) && number(name.dropFirst($0.count)) != nil
    }
  }

  private static func number(_ text: some StringProtocol) -> Int64? {
    guard !text.isEmpty, text.allSatisfy({ $0.isASCII && $0.isNumber }) else { return nil }
    return Int64(text)
  }

  private static let hypervisors = [
    "qemu-", "firecracker", "crosvm", "cloud-hypervisor", "cloud-hyperviso",
  ]
  private static let kernelPrefixes = [
    "kworker/", "ksoftirqd/", "migration/", "cpuhp/", "rcu_", "rcuop/", "rcuog/", "rcuob/",
    "rcuos/",
    "rcub/", "rcuc/", "irq/", "jbd2/", "xfsaild/", "xfs-", "btrfs-", "idle_inject/", "watchdog/",
    "ktimers/", "napi/", "scsi_eh_", "kvm-pit/", "kvm-nx-lpage", "dmcrypt_write", "nvme-",
  ]
  private static let kernelNames: Set<String> = [
    "kthreadd", "khugepaged", "ksmd", "kauditd", "khungtaskd", "oom_reaper", "kdevtmpfs",
    "kthrotld",
    "kblockd", "writeback", "watchdogd", "psimon", "txg_sync",
  ]
}

/// Whose block I/O a thread asks for, as far as its name tells.
public enum BlockSubmitter: Sendable {
  /// A thread of a hypervisor: its guest's.
  case guest
  /// A thread of the kernel: write-back and journals, of anybody.
  case kernel
  /// A process of the machine.
  case process

  /// By the name. QEMU's pool calls its threads `worker`, as other programs may: they count as a guest's.
  public init(_ name: String) {
    switch ThreadRoleName.role(name) {
    case .vcpu?, .iothread?, .vhost?, .emulator?: self = .guest
    case .kernel?: self = .kernel
    case .other?, nil:
      self = ThreadRoleName.isHypervisor(name) || name == "worker" ? .guest : .process
    }
  }

  /// Whether the name is a hypervisor's and no other program's.
  public static func isCertainlyGuests(_ name: String) -> Bool {
    if name == "worker" { return false }
    if case .guest = BlockSubmitter(name) { return true }
    return false
  }
}
