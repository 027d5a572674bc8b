internal import TraceCorrelation
internal import TraceModel
internal import TraceStore

/// What the parts of the halves of the virtio queue add up to, over all I/Os of each disk and of single slow ones.
final class VirtioSums {
  struct Key: Hashable {
    let guest: String
    let device: String
    let operation: BlockOperation
    let half: Hop
  }

  /// Of the I/Os of which a half is covered.
  struct Sum {
    var ios: Int64 = 0
    var whole: Int64 = 0
    var parts: [HopPart: Int64] = [:]
  }

  struct Slow: Hashable {
    let request: Int64
    let half: Hop
  }

  /// Of one disk, operation and half.
  private struct Cell {
    var ios: Int64 = 0
    var whole: Int64 = 0
    /// By the number of the part.
    var parts: [Int64]
  }

  /// A joined disk.
  private struct Disk {
    let guest: String
    let device: String
    let parts: [HopPart]
  }

  private static let halves = [Hop.virtioSubmit, .virtioReturn]

  /// By the disk's place among those of the context.
  private let disks: [Disk?]
  /// By disk, operation and half.
  private var cells: [Cell] = []
  /// Of the slowest I/Os.
  private(set) var slow: [Slow: Sum] = [:]
  /// The scheduler traces that were read for these sums.
  var traces: Set<Int64> = []

  private let slowRequests: Set<Int64>
  /// The last I/O that was added, and whether it is a slow one.
  private var last: (request: Int64, isSlow: Bool)?

  /// Counts the I/Os.
  init(_ context: CorrelationContext) {
    let streams = Dictionary(uniqueKeysWithValues: context.streams.map { ($0.stream, $0) })
    disks = context.disks.map { disk in
      guard disk.verdict == .joined, let stream = streams[disk.disk] else { return nil }
      return Disk(
        guest: stream.machine.name, device: stream.device,
        parts: context.halfPartNames(of: stream.machine.name).parts)
    }
    slowRequests = context.slowRequests
    for disk in disks {
      let none = Cell(parts: disk?.parts.map { _ in 0 } ?? [])
      cells += repeatElement(none, count: BlockOperation.allCases.count * Self.halves.count)
    }
    for (number, disk) in context.disks.enumerated() where disks[number] != nil {
      for io in disk.ios where PhasePopulation.counts(io) {
        for half in Self.halves {
          guard let time = Self.covered(io, half) else { continue }
          let place = Self.place(number, io.operation, half)
          cells[place].ios += 1
          cells[place].whole.add(saturating: time)
          guard slowRequests.contains(io.request) else { continue }
          slow[Slow(request: io.request, half: half)] = Sum(ios: 1, whole: time)
        }
      }
    }
  }

  private static func place(_ disk: Int, _ operation: BlockOperation, _ half: Hop) -> Int {
    (disk * BlockOperation.allCases.count + operation.rawValue) * halves.count
      + (half == .virtioSubmit ? 0 : 1)
  }

  /// The length of a half that a trace covers, ns.
  private static func covered(_ io: GuestIO, _ half: Hop) -> Int64? {
    guard (half == .virtioSubmit ? io.submitCPUWait : io.returnCPUWait).isSeen else { return nil }
    return io.times[half].nanoseconds
  }

  /// Whether no trace covers a half of any I/O.
  var isEmpty: Bool { guests.isEmpty }

  /// The guests of which a trace covers a half.
  var guests: Set<String> { Set(ofDevices.keys.map(\.guest)) }

  /// Adds a time, ns, of a part of a half; ``HalfParts/Body``.
  func add(_ half: Hop, _ part: Int, _ time: Int64, _ io: GuestIO, _ disk: Int) {
    guard time > 0 else { return }
    cells[Self.place(disk, io.operation, half)].parts[part].add(saturating: time)
    if last?.request != io.request {
      last = (io.request, slowRequests.contains(io.request))
    }
    guard last?.isSlow == true, let name = disks[disk]?.parts[part] else { return }
    slow[Slow(request: io.request, half: half)]?.parts[name, default: 0].add(saturating: time)
  }

  /// The sums of all stretches of each disk.
  var ofDevices: [Key: Sum] {
    var sums: [Key: Sum] = [:]
    for (number, disk) in disks.enumerated() {
      guard let disk else { continue }
      for operation in BlockOperation.allCases {
        for half in Self.halves {
          let cell = cells[Self.place(number, operation, half)]
          guard cell.ios > 0 else { continue }
          let key = Key(guest: disk.guest, device: disk.device, operation: operation, half: half)
          var sum = sums[key] ?? Sum()
          sum.ios += cell.ios
          sum.whole.add(saturating: cell.whole)
          for (part, time) in zip(disk.parts, cell.parts) where time > 0 {
            sum.parts[part, default: 0].add(saturating: time)
          }
          sums[key] = sum
        }
      }
    }
    return sums
  }
}
