internal import TraceCorrelation
internal import TraceModel
internal import TraceStore

/// What the halves of the virtio queue are made of, over the whole capture and of its slowest I/Os, where a scheduler trace
/// of the host covers them. The parts of a half add up to it, to the nanosecond; the remainder is one of them.
struct VirtioPartCorrelation: CorrelationPass {
  static let fills = ["virtio_part_sum", "slow_io_part"]

  private let sums: VirtioSums

  /// Reads the hosts' traces that no earlier pass has read for it.
  init(_ context: CorrelationContext) throws {
    sums = context.virtioSums()
    guard !sums.isEmpty else { return }
    for trace in context.threads.traces
    where trace.machine.layer == .host && !sums.traces.contains(trace.source) {
      let halves = try GuestHalves(of: sums.guests, context, trace)
      if !halves.isEmpty { try halves.read(context.file, trace, sums.add) }
    }
  }

  // MARK: - Rows

  /// The parts of a half with the remainder, the longest first.
  private static func rows(
    _ sum: VirtioSums.Sum, _ half: Hop
  ) -> [(part: HopPart?, time: Int64)] {
    let named = sum.parts.sorted {
      ($1.value, $0.key.label, $0.key.name ?? "") < ($0.value, $1.key.label, $1.key.name ?? "")
    }.map { (part: HopPart?.some($0.key), time: $0.value) }
    return named + [(.rest(of: half), sum.whole - sum.parts.values.reduce(0, +))]
  }

  func write(to writer: CorrelationWriter, _: CorrelationContext) throws {
    let ordered = sums.ofDevices.sorted {
      ($0.key.guest, $0.key.device, $0.key.operation.rawValue, $0.key.half.name)
        < ($1.key.guest, $1.key.device, $1.key.operation.rawValue, $1.key.half.name)
    }
    for (key, sum) in ordered {
      let whole: [(part: HopPart?, time: Int64)] = [(nil, sum.whole)]
      for (part, time) in whole + Self.rows(sum, key.half) {
        try writer.add(
          to: "virtio_part_sum",
          [
            "guest": .text(key.guest), "device": .text(key.device),
            "op": .text(key.operation.name), "hop": .text(key.half.name),
            "part": StoredValue(part?.label), "part_name": StoredValue(part?.name),
            "ios": .integer(sum.ios), "sum_ns": .integer(time),
          ])
      }
    }
    for (io, sum) in sums.slow.sorted(by: {
      ($0.key.request, $0.key.half.name) < ($1.key.request, $1.key.half.name)
    }) {
      for (part, time) in Self.rows(sum, io.half) {
        try writer.add(
          to: "slow_io_part",
          [
            "request_id": .integer(io.request), "hop": .text(io.half.name),
            "part": StoredValue(part?.label), "part_name": StoredValue(part?.name),
            "time_ns": .integer(time),
          ])
      }
    }
  }
}
