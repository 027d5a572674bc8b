internal import TraceCorrelation
internal import TraceModel
internal import TraceStore

/// What the halves of the virtio queue are made of, over the whole capture and of its slowest I/Os, where a scheduler trace
/// of the host covers them. The parts of a half add up to it, to the nanosecond; the remainder is one of them.
struct VirtioPartCorrelation: CorrelationPass {
  static let fills = ["virtio_part_sum", "slow_io_part"]

  private struct Key: Hashable {
    let guest: String
    let device: String
    let operation: BlockOperation
    let half: Hop
  }

  /// Of the I/Os of which a half is covered.
  private struct Sum {
    var ios: Int64 = 0
    var whole: Int64 = 0
    var parts: [HopPart: Int64] = [:]
  }

  private struct Slow: Hashable {
    let request: Int64
    let half: Hop
  }

  private static let halves = [Hop.virtioSubmit, .virtioReturn]

  private var sums: [Key: Sum] = [:]
  private var slow: [Slow: Sum] = [:]

  init(_ context: CorrelationContext) throws {
    let streams = Dictionary(uniqueKeysWithValues: context.streams.map { ($0.stream, $0) })
    for disk in context.disks where disk.verdict == .joined {
      guard let stream = streams[disk.disk] else { continue }
      for io in disk.ios where PhasePopulation.counts(io) {
        for half in Self.halves {
          guard let time = Self.covered(io, half) else { continue }
          let key = Key(
            guest: stream.machine.name, device: stream.device, operation: io.operation, half: half)
          sums[key, default: Sum()].ios += 1
          sums[key]?.whole.add(saturating: time)
          guard context.slowRequests.contains(io.request) else { continue }
          slow[Slow(request: io.request, half: half)] = Sum(ios: 1, whole: time)
        }
      }
    }
    guard !sums.isEmpty else { return }
    let hostThreads = try HostThreads(context)
    for trace in context.threads.traces where trace.machine.layer == .host {
      try add(context, trace, hostThreads)
    }
  }

  /// The length of a half that a trace covers, ns.
  private static func covered(_ io: GuestIO, _ half: Hop) -> Int64? {
    guard (half == .virtioSubmit ? io.submitCPUWait : io.returnCPUWait).isSeen else { return nil }
    return io.times[half].nanoseconds
  }

  // MARK: - A trace

  /// Times of one disk, by operation, half and part.
  private struct DiskSums {
    let guest: String
    let device: String
    var times: [BlockOperation: [[Int64]]] = [:]
  }

  private mutating func add(
    _ context: CorrelationContext, _ trace: ThreadFindings.Trace, _ hostThreads: HostThreads
  ) throws {
    let owners = context.threads.owners
    let devices = Dictionary(uniqueKeysWithValues: context.devices.map { ($0.stream.stream, $0) })
    var disks: [DiskSums] = []
    var sides: [HalfParts] = []
    for guest in Set(sums.keys.map(\.guest)).sorted() {
      guard let threads = GuestThreads(of: guest, trace, owners) else { continue }
      let names = HalfPartNames(of: guest, [trace], owners)
      let parts = HalfParts(
        of: guest, threads.numbers, known: threads.span, threads.clock, error: threads.error, names
      ) { names.place(of: $0, guest, trace, owners) }
      for disk in context.disks where disk.verdict == .joined {
        guard let entry = devices[disk.disk], entry.stream.machine.name == guest else { continue }
        parts.add(
          disk.ios, disk: disks.count, IOHalves(disk.ios, entry.rows, hostThreads))
        disks.append(DiskSums(guest: guest, device: entry.stream.device))
      }
      if !parts.isEmpty { sides.append(parts) }
    }
    guard !sides.isEmpty else { return }
    try Self.walk(context.file, trace, sides) { side, limit in
      flush(side, before: limit, &disks, context.slowRequests)
    }
    for disk in disks { take(disk, sides) }
  }

  /// Reads a trace once, and says after each of its pieces up to where all is known.
  private static func walk(
    _ file: IncidentFile, _ trace: ThreadFindings.Trace, _ sides: [HalfParts],
    _ flush: (HalfParts, Int64?) -> Void
  ) throws {
    let later = Set(trace.threads.values.lazy.filter { $0.segment != 0 }.map(\.id))
    let victims = sides.reduce(into: Set<Int64>()) { $0.formUnion($1.victims) }
    let wanted = ThreadPlaces(of: victims)
    var culprits = Culprits(
      threads: trace.threads.keys,
      idle: Set(trace.threads.values.lazy.filter { $0.tid == 0 }.map(\.id)),
      watches: [
        Culprits.Watch(victims) { part in
          for own in sides where own.victims.contains(part.pair.victim) { own.add(part) }
        }
      ])
    try file.forEachSlice(of: trace.source) { slice in
      guard later.isEmpty || !later.contains(slice.thread) else { return }
      let isWanted = wanted.contains(slice.thread)
      var seen = slice
      if slice.wait != .min, !isWanted { seen.forgetWait() }
      culprits.add(seen, segment: 0)
      guard isWanted, slice.run != .min, slice.run > 0 else { return }
      for own in sides where own.victims.contains(slice.thread) {
        own.addStay(
          slice.thread, Span(from: slice.began, to: slice.began + slice.run), left: slice.left)
      }
    } limit: { limit in
      guard let limit else { return }
      for own in sides { flush(own, min(limit, culprits.resolvedUntil)) }
    }
    culprits.finish()
    for own in sides { flush(own, nil) }
  }

  private mutating func flush(
    _ side: HalfParts, before limit: Int64?, _ disks: inout [DiskSums], _ isSlow: Set<Int64>
  ) {
    let none = Self.halves.map { _ in [Int64](repeating: 0, count: side.names.parts.count) }
    side.flush(before: limit) { half, part, time, io, disk in
      guard time > 0 else { return }
      disks[disk].times[io.operation, default: none][half == .virtioSubmit ? 0 : 1][part]
        .add(saturating: time)
      if isSlow.contains(io.request) {
        slow[Slow(request: io.request, half: half)]?
          .parts[side.names.parts[part], default: 0].add(saturating: time)
      }
    }
  }

  private mutating func take(_ disk: DiskSums, _ sides: [HalfParts]) {
    guard let side = sides.first(where: { $0.guest == disk.guest }) else { return }
    for (operation, halves) in disk.times {
      for (place, half) in Self.halves.enumerated() {
        let key = Key(
          guest: disk.guest, device: disk.device, operation: operation, half: half)
        for (part, time) in zip(side.names.parts, halves[place]) where time > 0 {
          sums[key]?.parts[part, default: 0].add(saturating: time)
        }
      }
    }
  }

  // MARK: - Rows

  /// The parts of a half with the remainder, the longest first.
  private static func rows(_ sum: Sum, _ half: Hop) -> [(part: HopPart?, time: Int64)] {
    let named = sum.parts.sorted {
      ($1.value, $0.key.label, $0.key.name ?? "") < ($0.value, $1.key.label, $1.key.name ?? "")
    }.map { (part: HopPart?.some($0.key), time: $0.value) }
    return named + [(.rest(of: half), sum.whole - sum.parts.values.reduce(0, +))]
  }

  func write(to writer: CorrelationWriter, _: CorrelationContext) throws {
    let ordered = sums.sorted {
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
    for (io, sum) in slow.sorted(by: {
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
