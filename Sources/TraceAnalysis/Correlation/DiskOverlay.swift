internal import TraceCorrelation
internal import TraceModel

/// The halves of the virtio queue of one disk's I/Os, and who has to act in them.
struct IOHalves {
  private let rows: BlockRequests
  /// Of each I/O the place of its request in `rows`; -1: without one, or it was not followed.
  private var places: [Int32]
  /// The id of the host's thread that queued it; 0 where it is not known.
  private var workers: [Int32]

  /// Of I/Os in the order of their requests, and the requests themselves.
  init(_ ios: GuestIOs, _ rows: BlockRequests, _ threads: HostThreads) {
    self.rows = rows
    places = [Int32](repeating: -1, count: ios.count)
    workers = [Int32](repeating: 0, count: ios.count)
    var row = 0
    for index in ios.indices {
      // Both are in the order of the requests.
      while row < rows.count, rows.id(at: row) < ios[index].request { row += 1 }
      guard row < rows.count, rows.id(at: row) == ios[index].request,
        Self.moments(ios[index]) != nil
      else { continue }
      places[index] = Int32(row)
      if let request = ios[index].hostRequest {
        workers[index] = Int32(clamping: threads.tid(of: request))
      }
    }
  }

  /// The numbers of the I/Os that were followed.
  var followed: [Int32] { places.indices.filter { places[$0] >= 0 }.map(Int32.init) }

  /// When an I/O that was followed is over.
  func end(_ io: GuestIO) -> Int64 { Self.moments(io).map { max($0.t4, $0.t7) } ?? .min }

  /// Its first moment.
  func begin(_ io: GuestIO) -> Int64 { Self.moments(io)?.t3 ?? .max }

  /// As in the five hops: handed to virtio, queued on the host, completed there, completed in the guest.
  private static func moments(_ io: GuestIO) -> (t3: Int64, t4: Int64, t6: Int64, t7: Int64)? {
    let times = io.times
    guard let start = io.reference.nanoseconds,
      let t3 = times.begin(of: .virtioSubmit, from: start),
      let t4 = times.end(of: .virtioSubmit, from: start),
      let t6 = times.begin(of: .virtioReturn, from: start),
      let t7 = times.end(of: .virtioReturn, from: start)
    else { return nil }
    return (t3, t4, t6, t7)
  }

  /// The way in and the way back of an I/O; nil where it was not followed.
  func halves(
    _ io: GuestIO, _ index: Int
  ) -> (submit: WaitOverlay.Half, back: WaitOverlay.Half)? {
    guard places[index] >= 0, let (t3, t4, t6, t7) = Self.moments(io) else { return nil }
    let row = rows[Int(places[index])]
    let worker = Int64(workers[index])
    return (
      WaitOverlay.Half(from: t3, to: t4, vcpu: row.issuedCPU, worker: worker),
      WaitOverlay.Half(from: t6, to: t7, vcpu: row.completedCPU, worker: worker)
    )
  }
}

/// Lays the waits of a guest's threads over the I/Os of one of its disks, window by window of the host's
/// scheduler trace.
struct DiskOverlay {
  /// The disk's place among those that are joined.
  let disk: Int
  private let overlay: WaitOverlay
  private let io: IOHalves
  private var sweep: BackwardSweep

  /// Begins; what can be said of an I/O is 0 from here on.
  init(
    disk: Int, _ ios: inout GuestIOs, _ halves: IOHalves, _ overlay: WaitOverlay
  ) {
    self.disk = disk
    self.overlay = overlay
    let followed = halves.followed
    for number in followed {
      let index = Int(number)
      guard let (submit, back) = halves.halves(ios[index], index) else { continue }
      if overlay.covers(submit) { ios[index].submitCPUWait = Stamp(0) }
      if overlay.covers(back) { ios[index].returnCPUWait = Stamp(0) }
    }
    io = halves
    sweep = BackwardSweep(followed) { [ios] in halves.end(ios[Int($0)]) }
  }

  /// Adds what lies in the next window.
  mutating func add(_ window: TimelineWindows.Window, to ios: inout GuestIOs) {
    var sweep = sweep
    sweep.visit(
      endingSince: window.span.from, end: { io.end(ios[Int($0)]) }
    ) { number in
      let index = Int(number)
      guard let (submit, back) = io.halves(ios[index], index) else { return false }
      if let wait = ios[index].submitCPUWait.nanoseconds {
        ios[index].submitCPUWait = Stamp(wait + overlay.wait(submit, in: window))
      }
      if let wait = ios[index].returnCPUWait.nanoseconds {
        ios[index].returnCPUWait = Stamp(wait + overlay.wait(back, in: window))
      }
      return submit.from < window.span.from || back.from < window.span.from
    }
    self.sweep = sweep
  }
}
