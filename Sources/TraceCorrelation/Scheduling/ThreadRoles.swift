internal import TraceModel

/// Names that the kernel gives its threads.
enum KernelThreadName {
  /// Whether a name is one of them. A program may call itself so, too, which is why what `ps` says of the parent comes
  /// first.
  static func matches(_ name: String) -> Bool {
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

extension ThreadRole {
  /// What the name of a thread says about it; nil where that is nothing.
  init?(threadName name: String) {
    guard
      let role = Hypervisor.role(ofThread: name) ?? (KernelThreadName.matches(name) ? .kernel : nil)
    else { return nil }
    self = role
  }
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
    switch ThreadRole(threadName: name) {
    case .vcpu?, .iothread?, .vhost?, .emulator?: self = .guest
    case .kernel?: self = .kernel
    case .other?, nil:
      self = Hypervisor.isProcess(name) || name == "worker" ? .guest : .process
    }
  }

  /// Whether the name is a hypervisor's and no other program's.
  public static func isCertainlyGuests(_ name: String) -> Bool {
    if name == "worker" { return false }
    if case .guest = BlockSubmitter(name) { return true }
    return false
  }
}
