internal import TraceAnalysis
internal import TraceModel

extension Finding.Code {
  /// The section of a report that shows what it is about; nil for a code that no rule has.
  var section: Anchor? { topic?.section }
}

extension Topic {
  /// The section of a report about it.
  var section: Anchor {
    switch self {
    case .cpus: CPUSection.anchor
    case .memory: MemorySection.anchor
    case .queues: QueueSection.anchor
    case .layers: LayerSection.anchor
    case .network: NetworkSection.anchor
    case .hypervisor: EsxSection.anchor
    case .hops: HopSection.anchor
    case .tail: TailSection.anchor
    case .matches: MatchSection.anchor
    case .stages: StageSection.anchor
    case .files: DataSection.anchor
    }
  }
}
