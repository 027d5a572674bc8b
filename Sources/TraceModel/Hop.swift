/// A part of an I/O's way from the guest's page cache to the device and back, or a sum of such parts.
///
/// Names, words and letters of all hops come from one table, ``facts``.
public enum Hop: String, Vocabulary {
  /// H1.
  case pageCache = "page_cache"
  /// H2.
  case guestScheduler = "guest_scheduler"
  /// H3.
  case virtioQueue = "virtio_queue"
  /// H3 on the way in.
  case virtioSubmit = "virtio_submit"
  /// H3 on the way back.
  case virtioReturn = "virtio_return"
  /// QEMU's own time, where no block trace of the host shows the disk but QEMU's own trace does.
  case qemu
  /// From QEMU's submit until its storage answered, where ``qemu`` is known: H4, H5 and all between QEMU and them.
  case backend
  /// H4.
  case hostScheduler = "host_scheduler"
  /// H5.
  case hardwareQueue = "hardware_queue"
  /// H3 to H5 as one, from D to C in the guest, where nothing of the host is known.
  case belowGuest = "below_guest"
  /// From Q to C in the guest.
  case block
  /// All of it.
  case total

  // MARK: Groups

  /// The parts that follow one another without a gap, in the order in which an I/O passes them.
  ///
  /// An I/O has either ``throughQEMU`` or ``onHost``, as the files of its host tell.
  public static let parts: [Hop] =
    [.pageCache, .guestScheduler, .virtioSubmit] + throughQEMU + onHost + [.virtioReturn]

  /// The parts between Q and C.
  public static let blockParts = Array(parts.dropFirst())

  /// What is measured and stored: the parts, and the time from Q to C. ``HopTimes`` adds up the others.
  public static let measured = parts + [.block]

  /// Its index among ``measured``; nil for a sum.
  @inlinable
  public var index: Int? {
    switch self {
    case .pageCache: 0
    case .guestScheduler: 1
    case .virtioSubmit: 2
    case .qemu: 3
    case .backend: 4
    case .hostScheduler: 5
    case .hardwareQueue: 6
    case .virtioReturn: 7
    case .block: 8
    case .virtioQueue, .belowGuest, .total: nil
    }
  }

  /// The five hops, in the order in which an I/O passes them.
  public static let five: [Hop] = [
    .pageCache, .guestScheduler, .virtioQueue, .hostScheduler, .hardwareQueue,
  ]

  /// The hops on the host, in the order in which an I/O passes them.
  public static let onHost: [Hop] = [.hostScheduler, .hardwareQueue]

  /// What stands in the place of these where only QEMU's own trace shows the disk.
  public static let throughQEMU: [Hop] = [.qemu, .backend]

  /// What stands in the place of the host's hops where no block trace of the host shows the disk.
  public static let withoutHost = throughQEMU + [.belowGuest]

  /// The five hops, and those in the place of the last ones where the host's block trace is missing.
  public static let passed = five + withoutHost

  /// What this is a part of, and is compared only with.
  public var whole: Hop? {
    switch self {
    case .virtioSubmit, .virtioReturn: .virtioQueue
    case .block: .total
    case .pageCache, .guestScheduler, .virtioQueue, .qemu, .backend, .hostScheduler,
      .hardwareQueue, .belowGuest, .total:
      nil
    }
  }

  /// Whether it is one way through the virtio queue. The clocks' bound moves time from one to the other: either may
  /// come out below zero, or longer than the whole.
  public var isHalf: Bool { whole == .virtioQueue }

  // MARK: Names

  /// The column of the `io` view that holds it, in ns.
  public var column: String { name + "_ns" }

  /// `H5`; both ways through the virtio queue are `H3`.
  public var code: String { facts.code }

  /// `hardware queue`; empty where the code says all.
  public var words: String { facts.words }

  /// The code and the words: `H5 hardware queue`.
  public var title: String { words.isEmpty ? code : "\(code) \(words)" }

  /// The code and the words within a sentence: `H5 (hardware queue)`.
  public var label: String { words.isEmpty ? code : "\(code) (\(words))" }

  /// In the first column of a table: `H5 hardware`, and `in` below `H3 virtio`.
  public var tableName: String {
    isHalf ? facts.short : facts.short.isEmpty ? code : "\(code) \(facts.short)"
  }

  /// Beside a colour: `H5`, `H3 in`.
  public var mark: String { isHalf ? "\(code) \(facts.short)" : code }

  /// Where the time of an I/O goes, in a sentence: `the hardware queue (H5)`.
  public var place: String { facts.place }

  /// That for a name; an unknown name is itself.
  public static func place(of name: String) -> String { Hop(name: name)?.place ?? name }

  /// The letter that draws it in a bar of characters.
  public var letter: Character { facts.letter }

  /// What it is: `H5 hardware queue (D to C on the host)`.
  public var definition: String { facts.ends.map { "\(title) (\($0))" } ?? title }

  /// The queue whose depth the view `queue_depth` has under this name; nil: it has none.
  public var queue: String? { facts.queue }

  /// A row of the table of names.
  private struct Facts {
    let code: String
    var words = ""
    /// The words where there is little room.
    var short = ""
    var letter: Character = "?"
    var place = ""
    var ends: String?
    var queue: String?
  }

  private var facts: Facts {
    switch self {
    case .pageCache:
      Facts(
        code: "H1", words: "guest page cache", short: "page cache", letter: "1",
        place: "the guest's page cache (H1)")
    case .guestScheduler:
      Facts(
        code: "H2", words: "guest scheduler", short: "guest sched", letter: "2",
        place: "the guest's I/O scheduler (H2)", ends: "Q to D in the guest", queue: "H2 scheduler")
    case .virtioQueue:
      Facts(
        code: "H3", words: "virtio queue", short: "virtio", place: "the virtio queue (H3)",
        ends: "on the way in and back", queue: "ring (D to C)")
    case .virtioSubmit:
      Facts(
        code: "H3", words: "virtio in", short: "in", letter: ">",
        place: "the way in through the virtio queue (H3)")
    case .virtioReturn:
      Facts(
        code: "H3", words: "virtio back", short: "back", letter: "<",
        place: "the way back through the virtio queue (H3)")
    case .qemu:
      Facts(
        code: "QEMU", letter: "q", place: "QEMU itself",
        ends: "from taking the request off the virtqueue to its answer, without the backend")
    case .backend:
      Facts(
        code: "backend", letter: "b", place: "the storage behind QEMU (backend)",
        ends: "from QEMU's submit until its storage answered")
    case .hostScheduler:
      Facts(
        code: "H4", words: "host scheduler", short: "host sched", letter: "4",
        place: "the host's I/O scheduler (H4)", ends: "Q to D on the host", queue: "H4 scheduler")
    case .hardwareQueue:
      Facts(
        code: "H5", words: "hardware queue", short: "hardware", letter: "5",
        place: "the hardware queue (H5)", ends: "D to C on the host", queue: "H5 hardware")
    case .belowGuest:
      Facts(code: "H3+H4+H5", place: "all that is below the guest (H3 to H5)")
    case .block: Facts(code: "Q to C", place: "the time from Q to C")
    case .total: Facts(code: "total", place: "the whole time")
    }
  }
}
