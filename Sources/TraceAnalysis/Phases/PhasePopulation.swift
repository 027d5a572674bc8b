internal import TraceCorrelation
internal import TraceModel

/// The I/Os of a guest in which phases are looked for: those that began a request and came to an end, without flushes,
/// each at its Q on the reference timeline, or on the guest's own clock where nothing ties it to a host. Of a guest
/// without a block trace they are what its threads asked of the host's devices.
struct PhasePopulation {
  /// Whose trace shows the I/Os.
  enum Side: String {
    case guest, host

    /// The hops that such a trace can tell of, in the order of an I/O's way; they add up to the total.
    var hops: [Hop] {
      switch self {
      case .guest: Hop.parts + [.belowGuest]
      case .host: Hop.onHost
      }
    }
  }

  let side: Side
  /// The guest.
  let guest: String
  /// Its disks, `major,minor`, in the order of their names; of the host's side, the devices that they lie on.
  let devices: [String]
  /// The stretches of their traces, each with the disk's place among ``devices``.
  private let disks: [(device: Int, ios: GuestIOs)]
  /// Whether the times are on the reference timeline.
  let isOnReference: Bool
  /// From the first Q to the last, ns; where there is no I/O, the time of the trace that shows its threads, or nil.
  let span: ClosedRange<Int64>?

  init(
    guest: String, _ disks: [(device: String, ios: GuestIOs)], seenBy side: Side = .guest,
    threads: Span? = nil
  ) {
    (self.guest, self.side) = (guest, side)
    devices = Set(disks.map(\.device)).sorted()
    let places = Dictionary(uniqueKeysWithValues: devices.enumerated().map { ($1, $0) })
    self.disks = disks.map { (places[$0.device] ?? 0, $0.ios) }
    isOnReference = disks.contains { $0.ios.contains { $0.reference.isSeen } }
    var ends: (first: Int64, last: Int64)?
    Self.forEach(self.disks, isOnReference) { _, moment, _ in
      ends = (min(ends?.first ?? moment, moment), max(ends?.last ?? moment, moment))
    }
    span = (ends ?? threads.map { ($0.from, $0.to) }).map { $0.first...max($0.first, $0.last) }
  }

  /// The part of the span in which phases are looked for: all of it, but where nearly all I/Os lie in less than half of it.
  /// A few I/Os of a disk that was traced before would else make blocks of seconds out of those of the others.
  var searched: ClosedRange<Int64>? {
    guard let span, span.upperBound - span.lowerBound >= Int64(Self.bins) else { return span }
    let width = (span.upperBound - span.lowerBound) / Int64(Self.bins) + 1
    var counts = [Int](repeating: 0, count: Self.bins)
    forEach { _, moment, _ in counts[Int((moment - span.lowerBound) / width)] += 1 }
    guard counts.contains(where: { $0 > 0 }) else { return span }
    let few = Int(Self.strays * Double(counts.reduce(0, +)))
    func first(_ places: some Sequence<Int>) -> Int {
      var left = few
      for place in places {
        left -= counts[place]
        if left < 0 { return place }
      }
      return 0
    }
    let (begin, end) = (first(0..<Self.bins), first((0..<Self.bins).reversed()))
    guard end >= begin, end - begin < Self.bins / 2 else { return span }
    return span.lowerBound + Int64(begin)
      * width...min(
        span.upperBound, span.lowerBound + Int64(end + 1) * width)
  }

  private static let bins = 4_096
  /// The share of I/Os on either side that may lie outside.
  private static let strays = 0.005

  /// Each I/O with its disk's place among ``devices`` and its moment, ns; not in the order of time.
  func forEach(_ body: (_ device: Int, _ moment: Int64, _ io: GuestIO) -> Void) {
    Self.forEach(disks, isOnReference, body)
  }

  private static func forEach(
    _ disks: [(device: Int, ios: GuestIOs)], _ isOnReference: Bool,
    _ body: (_ device: Int, _ moment: Int64, _ io: GuestIO) -> Void
  ) {
    for disk in disks {
      for io in disk.ios {
        guard let moment = moment(of: io, isOnReference) else { continue }
        body(disk.device, moment, io)
      }
    }
  }

  /// When an I/O was queued; nil for one that does not count.
  func moment(of io: GuestIO) -> Int64? { Self.moment(of: io, isOnReference) }

  /// Whether an I/O is one of those in which phases are looked for, if it has a moment.
  static func counts(_ io: GuestIO) -> Bool {
    io.isLeading && io.operation != .flush && io.times[.block].isSeen
  }

  private static func moment(of io: GuestIO, _ isOnReference: Bool) -> Int64? {
    guard counts(io) else { return nil }
    return (isOnReference ? io.reference : io.queued).nanoseconds
  }
}
