internal import TraceCorrelation
internal import TraceModel

/// The I/Os of a guest in which phases are looked for: those that began a request and came to an end, without flushes,
/// each at its Q on the reference timeline, or on the guest's own clock where nothing ties it to a host.
struct PhasePopulation {
  /// The guest.
  let guest: String
  /// Its disks, `major,minor`, in the order of their names.
  let devices: [String]
  /// The stretches of their traces, each with the disk's place among ``devices``.
  private let disks: [(device: Int, ios: [GuestIO])]
  /// Whether the times are on the reference timeline.
  let isOnReference: Bool
  /// From the first Q to the last, ns; nil where there is no I/O.
  let span: ClosedRange<Int64>?

  init(guest: String, _ disks: [(device: String, ios: [GuestIO])]) {
    self.guest = guest
    devices = Set(disks.map(\.device)).sorted()
    let places = Dictionary(uniqueKeysWithValues: devices.enumerated().map { ($1, $0) })
    self.disks = disks.map { (places[$0.device] ?? 0, $0.ios) }
    isOnReference = disks.contains { $0.ios.contains { $0.reference.isSeen } }
    var ends: (first: Int64, last: Int64)?
    Self.forEach(self.disks, isOnReference) { _, moment, _ in
      ends = (min(ends?.first ?? moment, moment), max(ends?.last ?? moment, moment))
    }
    span = ends.map { $0.first...$0.last }
  }

  /// Each I/O with its disk's place among ``devices`` and its moment, ns; not in the order of time.
  func forEach(_ body: (_ device: Int, _ moment: Int64, _ io: GuestIO) -> Void) {
    Self.forEach(disks, isOnReference, body)
  }

  private static func forEach(
    _ disks: [(device: Int, ios: [GuestIO])], _ isOnReference: Bool,
    _ body: (_ device: Int, _ moment: Int64, _ io: GuestIO) -> Void
  ) {
    for disk in disks {
      for io in disk.ios where io.isLeading && io.operation != .flush {
        guard io.times[.block].isSeen,
          let moment = (isOnReference ? io.reference : io.queued).nanoseconds
        else { continue }
        body(disk.device, moment, io)
      }
    }
  }
}
