/// What a guest's and a host's block traces hold of the same I/Os, made I/O by I/O with known times, for what no
/// generator has: as blkparse's text, or as the requests that are folded out of it.
public struct HandMadePair: Sendable {
  /// The times of an I/O, in microseconds of the host's clock, and what else its lines say.
  public struct IO: Sendable {
    /// Q of the guest.
    public var queued: Int
    /// From there to D of the guest.
    public var scheduled = 20
    /// From there to Q of the host.
    public var toHost = 15
    /// From there to D of the host.
    public var hostScheduled = 3
    /// From there to C of the host.
    public var device = 90
    /// From there to C of the guest.
    public var back = 20
    /// Its length.
    public var sectors = 8
    /// The driver had no place at first: D, R, and D when `scheduled` is over.
    public var isRequeued = false

    /// An I/O that nothing holds up.
    public init(queued: Int) { self.queued = queued }

    /// D of the guest.
    public var issued: Int { queued + scheduled }
    /// Q of the host.
    public var hostQueued: Int { issued + toHost }
    /// D of the host.
    public var hostIssued: Int { hostQueued + hostScheduled }
    /// C of the host.
    public var hostCompleted: Int { hostIssued + device }
    /// C of the guest.
    public var completed: Int { hostCompleted + back }
  }

  /// A request that the host makes for somebody else.
  public struct Foreign: Sendable {
    /// Q, in microseconds of the host's clock.
    public var queued: Int
    /// From D to C.
    public var device: Int
    /// Its length.
    public var sectors: Int

    /// A read.
    public init(queued: Int, device: Int = 90, sectors: Int = 256) {
      self.queued = queued
      self.device = device
      self.sectors = sectors
    }
  }

  /// A request as one of the traces holds it, its times in microseconds of that trace.
  public struct Request: Sendable {
    /// Who queued it.
    public let task: (pid: Int, comm: String)
    /// Q; G is a microsecond later.
    public let queued: Int
    /// I; nil: none.
    public let inserted: Int?
    /// The first D, and R, of one that the driver gave back.
    public let givenBack: (issued: Int, at: Int)?
    /// The last D.
    public let issued: Int
    /// C.
    public let completed: Int
    /// Its first sector.
    public let sector: Int
    /// Its length.
    public let sectors: Int
    /// Else it is a write.
    public let isRead: Bool

    /// A request with these times.
    public init(
      task: (pid: Int, comm: String), queued: Int, inserted: Int?,
      givenBack: (issued: Int, at: Int)?, issued: Int, completed: Int, sector: Int, sectors: Int,
      isRead: Bool
    ) {
      self.task = task
      self.queued = queued
      self.inserted = inserted
      self.givenBack = givenBack
      self.issued = issued
      self.completed = completed
      self.sector = sector
      self.sectors = sectors
      self.isRead = isRead
    }

    /// G.
    public var got: Int { queued + 1 }
  }

  /// In the order of their Q.
  public var ios: [IO]
  /// Of the host alone.
  public var foreign: [Foreign]
  /// How many events of the guest's trace were lost before its last one.
  public var lost: Int
  /// The guest's device; 253 is given to virtio-blk as it boots.
  public var guestDevice: String
  /// The host's.
  public static let hostDevice = "259,0"

  /// A pair of traces of these I/Os.
  public init(
    ios: [IO], foreign: [Foreign] = [], lost: Int = 0, guestDevice: String = "253,0"
  ) {
    self.ios = ios
    self.foreign = foreign
    self.lost = lost
    self.guestDevice = guestDevice
  }

  /// Where the guest's disk begins on the host's, and how far its clock is behind, in microseconds.
  private static let offset = 2048
  private static let clock = 1_234_567

  /// A pair of so many I/Os, one each 10 ms, which no clock but the right one fits; `change` may alter each.
  public static func every10ms(
    _ count: Int, seed: UInt64, _ change: (inout IO, Int) -> Void = { _, _ in }
  ) -> HandMadePair {
    var dice = Dice(seed)
    return HandMadePair(
      ios: (0..<count).map { place in
        var io = IO(queued: 1_000 + 10_000 * place + dice.next(below: 900))
        io.device = 90 + dice.next(below: 60)
        change(&io, place)
        return io
      })
  }

  /// 1,500 I/Os over 15 s whose device takes 90 to 150 us, or a multiple.
  public static func measured(
    _ seed: UInt64, device: Int = 1, scheduled: Int = 20, hostScheduled: Int = 3, ios: Int = 1_500
  ) -> HandMadePair {
    var dice = Dice(seed)
    return Self(
      ios: (0..<ios).map { place in
        var io = IO(queued: 1_000 + 10_000 * place)
        io.scheduled = scheduled + dice.next(below: scheduled)
        io.hostScheduled = hostScheduled + dice.next(below: hostScheduled)
        io.device = device * (90 + dice.next(below: 60))
        io.back = 20 + dice.next(below: 10)
        return io
      })
  }

  /// 400 I/Os a second for so long, alike but for some noise; `change` may alter each.
  public static func steady(
    seconds: Int, _ change: (inout IO, Int) -> Void = { _, _ in }
  ) -> [IO] {
    var dice = Dice(17)
    return (0..<(400 * seconds)).map { place in
      var io = IO(queued: 2_500 * place + dice.next(below: 900))
      io.device += dice.next(below: 60)
      io.toHost += dice.next(below: 12)
      io.back += dice.next(below: 25)
      change(&io, place)
      return io
    }
  }

  /// Microseconds as traces print them: `12.000345`.
  public static func seconds(_ microseconds: Int) -> String {
    "\(microseconds / 1_000_000).\(String(1_000_000 + microseconds % 1_000_000).dropFirst())"
  }

  /// Scattered: sectors in a regular order fit at many offsets.
  private var sectors: [Int] {
    var dice = Dice(5)
    return ios.map { _ in 100_000 + 1_000 * dice.next(below: 1_000_000) }
  }

  /// Those of the guest's trace, in the order of ``ios``.
  public var guestRequests: [Request] {
    let start = ios.map(\.queued).min() ?? 0
    return zip(sectors, ios).map { sector, io in
      let queued = io.queued - start
      return Request(
        task: (700, "fio"), queued: queued, inserted: queued + 2,
        givenBack: io.isRequeued ? (queued + 3, queued + 5) : nil, issued: io.issued - start,
        completed: io.completed - start, sector: sector, sectors: io.sectors, isRead: false)
    }
  }

  /// Those of the host's trace: of ``ios``, then of ``foreign``.
  public var hostRequests: [Request] {
    let start = (ios.map(\.hostQueued) + foreign.map(\.queued)).min() ?? 0
    return zip(sectors, ios).map { sector, io in
      let queued = io.hostQueued - start
      return Request(
        task: (4001, "IO iothread0"), queued: queued, inserted: queued + 2, givenBack: nil,
        issued: io.hostIssued - start, completed: io.hostCompleted - start,
        sector: sector + Self.offset, sectors: io.sectors, isRead: false)
    }
      + foreign.enumerated().map { place, request in
        let issued = request.queued + 2 - start
        return Request(
          task: (900, "rsync"), queued: request.queued - start, inserted: nil, givenBack: nil,
          issued: issued, completed: issued + request.device,
          sector: 2_000_000_000 + 1_000 * place, sectors: request.sectors, isRead: true)
      }
  }

  /// The guest's trace as blkparse prints it.
  public var guest: String { Self.text(of: guestRequests, device: guestDevice, lost: lost) }

  /// The host's.
  public var host: String { Self.text(of: hostRequests, device: Self.hostDevice) }

  /// `259,0    1       17     0.000012000  4001  Q   W 102048 + 8 [IO iothread0]`
  private static func text(of requests: [Request], device: String, lost: Int = 0) -> String {
    var lines: [(at: Int, text: String)] = []
    for request in requests {
      let what = "\(request.isRead ? "R" : "W") \(request.sector) + \(request.sectors)"
      func add(_ at: Int, _ action: String, _ name: String? = nil) {
        lines.append(
          (
            at,
            "\(action == "C" ? 0 : request.task.pid) \(action) \(what) [\(name ?? request.task.comm)]"
          ))
      }
      add(request.queued, "Q")
      add(request.got, "G")
      if let inserted = request.inserted { add(inserted, "I") }
      if let givenBack = request.givenBack {
        add(givenBack.issued, "D")
        add(givenBack.at, "R", "0")
      }
      add(request.issued, "D")
      add(request.completed, "C", "0")
    }
    return lines.sorted { $0.at < $1.at }.enumerated().map { number, line in
      // The kernel numbers what it could not store, too.
      let sequence = number + 1 + (number + 1 == lines.count ? lost : 0)
      return "\(device) 1 \(sequence) \(seconds(line.at))000 \(line.text)\n"
    }.joined()
  }
}

/// The same numbers in every run.
public struct Dice: Sendable {
  private var state: UInt64

  /// Other numbers for each seed.
  public init(_ seed: UInt64) { state = seed }

  /// The next number from 0 on.
  public mutating func next(below limit: Int) -> Int {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Int((state >> 33) % UInt64(limit))
  }
}
