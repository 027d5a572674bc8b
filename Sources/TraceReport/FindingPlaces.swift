internal import TraceModel

extension Finding.Code {
  /// The section of a report that shows what it is about; nil where none does.
  var section: Anchor? {
    switch rawValue {
    case "STEAL_HIDDEN", "NOISY_CPU_NEIGHBOUR", "CPU_SATURATED": CPUSection.anchor
    case "NUMA_SPANNING", "NUMA_REMOTE", "MEMORY_PRESSURE": MemorySection.anchor
    case "DEVICE_STALL", "RING_SATURATED", "DOUBLE_QUEUEING", "BACKPRESSURE_COLLAPSE",
      "LIMIT_REACHED":
      QueueSection.anchor
    case "NOISY_DISK_NEIGHBOUR", "VM_PAUSED", "DISK_BUSY", "IOWAIT_MISLEADS":
      LayerSection.anchor
    case "NET_DROP_BEFORE_WIRE": NetworkSection.anchor
    case "PAGE_CACHE_HIDES", "NOT_EXPLAINED": HopSection.anchor
    case "HOST_CACHE_ABSORBS": MatchSection.anchor
    case "IO_ERRORS": StageSection.anchor
    case "TRACE_INCOMPLETE", "CAPTURES_MIXED": DataSection.anchor
    default: nil
    }
  }
}
