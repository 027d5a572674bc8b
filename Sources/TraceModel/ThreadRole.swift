/// What a thread is to the guests of its machine.
public enum ThreadRole: String, Vocabulary {
  /// Runs a guest's virtual CPU.
  case vcpu
  /// Does the I/O of disks that were given to it.
  case iothread
  /// The kernel's side of a guest's virtio device.
  case vhost
  /// Another thread of a hypervisor's process.
  case emulator
  /// A thread of the kernel.
  case kernel
  /// Any other.
  case other

  /// Whether it works for a guest.
  public var isOfGuest: Bool {
    switch self {
    case .vcpu, .iothread, .vhost, .emulator: true
    case .kernel, .other: false
    }
  }

  /// The roles that work for a guest.
  public static let ofGuests = allCases.filter(\.isOfGuest)

  /// The roles for which the guest's programs wait: its virtual CPUs, and what does its I/O.
  public static let awaited: [ThreadRole] = [.vcpu, .iothread, .vhost]

  /// Several such threads.
  public var plural: String {
    switch self {
    case .vcpu: "vCPUs"
    case .iothread: "I/O threads"
    case .vhost: "vhost threads"
    case .emulator, .kernel, .other: name
    }
  }
}
