/// What the change of a phase may come from.
public enum CauseKind: String, Vocabulary {
  /// Threads of others on the CPUs of the guest's threads.
  case cpuNeighbour = "cpu_neighbour"
  /// Requests of others on the devices of the guest's disks.
  case diskNeighbour = "disk_neighbour"
  /// More or larger I/Os of the guest itself.
  case ownLoad = "own_load"
  /// The guest's other threads on its CPUs.
  case ownCPU = "own_cpu"
  /// The device below.
  case device
  /// H4.
  case hostScheduler = "host_scheduler"
  /// The thread that serves the disk, and the queue to it.
  case virtioRing = "virtio_ring"
  /// Nodes of memory.
  case numa
  /// A limit on the guest's use of CPUs.
  case throttle
  /// The guest's packets.
  case network
  /// What nothing in the files explains.
  case unknown

  /// For people: `CPU neighbour`.
  public var words: String {
    switch self {
    case .cpuNeighbour: "CPU neighbour"
    case .diskNeighbour: "disk neighbour"
    case .ownLoad: "the guest's own I/O load"
    case .ownCPU: "the guest's own use of CPUs"
    case .device: "the device itself"
    case .hostScheduler: "the host's I/O scheduler"
    case .virtioRing: "the virtio queue"
    case .numa: "the placement of memory"
    case .throttle: "a limit that throttles the guest"
    case .network: "the guest's network traffic"
    case .unknown: "cause unknown"
    }
  }

  /// Whether a scheduler trace of the host shows it.
  public var isOfCPUs: Bool {
    switch self {
    case .cpuNeighbour, .ownCPU, .throttle, .virtioRing, .numa, .network: true
    case .diskNeighbour, .ownLoad, .device, .hostScheduler, .unknown: false
    }
  }

  /// What stands between the words and a name: `the virtio queue, served by IO iothread0`.
  public var beforeName: String {
    switch self {
    case .virtioRing: ", served by "
    case .network: ", moved by "
    default: " "
    }
  }
}
