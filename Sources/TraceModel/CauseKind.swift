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
  /// A limit on the guest's use of CPUs, or on its I/O; that has a name: `I/O limit of 200 IOPS`.
  case throttle
  /// Memory of the guest that its host had swapped out.
  case hostMemory = "host_memory"
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
    case .hostMemory: "memory that the host swapped out"
    case .network: "the guest's network traffic"
    case .unknown: "cause unknown"
    }
  }

  /// Beside a line in a chart: `a limit`.
  public var mark: String {
    switch self {
    case .cpuNeighbour: "CPU neighbour"
    case .diskNeighbour: "disk neighbour"
    case .ownLoad: "own load"
    case .ownCPU: "own CPU use"
    case .device: "the device"
    case .hostScheduler: "host scheduler"
    case .virtioRing: "virtio queue"
    case .numa: "memory placement"
    case .throttle: "a limit"
    case .hostMemory: "host swapping"
    case .network: "packets"
    case .unknown: "cause unknown"
    }
  }

  /// Whether a scheduler trace of the host shows it.
  public var isOfCPUs: Bool {
    switch self {
    case .cpuNeighbour, .ownCPU, .throttle, .virtioRing, .numa, .network: true
    case .diskNeighbour, .ownLoad, .device, .hostScheduler, .hostMemory, .unknown: false
    }
  }

  /// What stands between the words and a name: `the virtio queue, served by IO iothread0`.
  public var beforeName: String {
    switch self {
    case .virtioRing: ", served by "
    case .network: ", moved by "
    case .throttle: ": "
    case .ownLoad, .ownCPU: ", by "
    default: " "
    }
  }

  /// What it does, behind its name in the title of a report: `fio` and `uses the same disk`, `uses the same disk less`
  /// where I/Os got faster. Of causes without a name of their own the whole sentence.
  public func deed(isFaster: Bool) -> String { isFaster ? less : more }

  private var less: String {
    switch self {
    case .cpuNeighbour: "takes less CPU time from its threads"
    case .diskNeighbour: "uses the same disk less"
    case .ownLoad: "its own I/O load fell"
    case .ownCPU: "its own CPU load changed"
    case .device: "the device below got faster"
    case .hostScheduler: "the host's I/O scheduler holds them less"
    case .virtioRing: "the virtio queue holds them less"
    case .numa: "its memory is nearer to its CPUs"
    case .throttle: "a CPU limit throttles it less"
    case .hostMemory: "the host swaps its memory less"
    case .network: "its packets keep the host less busy"
    case .unknown: "cause unknown"
    }
  }

  private var more: String {
    switch self {
    case .cpuNeighbour: "takes CPU time from its threads"
    case .diskNeighbour: "uses the same disk"
    case .ownLoad: "its own I/O load grew"
    case .ownCPU: "its own CPU load grew"
    case .device: "the device below got slower"
    case .hostScheduler: "the host's I/O scheduler holds them"
    case .virtioRing: "the virtio queue holds them"
    case .numa: "its memory is on another node"
    case .throttle: "a CPU limit throttles it"
    case .hostMemory: "the host swaps its memory"
    case .network: "its packets keep the host busy"
    case .unknown: "cause unknown"
    }
  }

  /// What to do about it, where no rule says it with numbers.
  public var nextStep: String {
    switch self {
    case .cpuNeighbour:
      "Keep the neighbour off the CPUs of the guest's threads (cpuset, vcpupin, isolated CPUs), or lower its weight."
    case .diskNeighbour: "Move it to another disk, or limit it (io.max)."
    case .ownLoad:
      "See which process of the guest asks for more ('hiddenq query --name by-process')."
    case .ownCPU: "See which process of the guest runs more, and whether its virtual CPUs suffice."
    case .device:
      "Look at the device itself since that time: its own monitoring, RAID or cloud limits, firmware."
    case .hostScheduler: "Compare the settings of the host's I/O scheduler with the device's queue."
    case .virtioRing:
      "Look at the thread that serves the disk: give it a CPU of its own, or the disk an iothread or more queues."
    case .numa: "Keep the guest's virtual CPUs and memory on one node."
    case .throttle:
      "Look at the limits of the guest: of its cgroup (cpu.max, cpu.stat, io.max) and of its disks (virsh blkdeviotune)."
    case .hostMemory:
      "Give the host memory: move a guest away, or reserve this guest's memory."
    case .network:
      "See which of the guest's programs sends or receives more, and where packets wait."
    case .unknown:
      "Look below and beside the layers that were recorded; 'hiddenq capture host' prints what else can be."
    }
  }
}
