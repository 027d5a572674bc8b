/// A block request from its first bio to its completion, folded from the events of one trace.
///
/// Every stamp may be unseen: traces begin and end in the middle of requests, lose events, and bio
/// based devices (device-mapper, md) have neither allocation nor issue.
public struct BlockRequest: Sendable {
  /// Number of the request in the incident file.
  public var id: Int64 = 0
  /// `Q` of its first bio.
  public var queued = Stamp.unseen
  /// `G`.
  public var got = Stamp.unseen
  /// `I`.
  public var inserted = Stamp.unseen
  /// The first `D`.
  public var firstIssued = Stamp.unseen
  /// The last `D` before completion: later than the first when the driver gave it back.
  public var issued = Stamp.unseen
  /// The `C` that ended its data, or for a flush the `C FN`.
  public var completed = Stamp.unseen
  /// A later `C` without length: the flush after a FUA write, or the end of an empty flush bio.
  public var finished = Stamp.unseen
  /// `D FN` of the cache flush that a preflush write or a flush bio had to wait for.
  public var flushIssued = Stamp.unseen
  /// `C FN` of that flush.
  public var flushCompleted = Stamp.unseen
  /// First sector as completed, after merges; -1 for flushes.
  public var sector: Int64 = -1
  /// Sectors as completed, after merges.
  public var sectors: Int64 = 0
  /// Where its first event stands in the file (line or record, from 1).
  public var line: Int64 = 0
  /// The device and stretch of the trace it belongs to.
  public var stream: Int32 = 0
  /// The task that queued it; an index given by the sink's ``EventSink/task(_:)``.
  public var task: Int32 = 0
  /// 0, or the negative errno of its completion.
  public var error: Int32 = 0
  /// The CPU of its last `D`; -1 where that was not seen.
  public var issuedCPU: Int32 = -1
  /// The CPU of the `C` that ended its data, which took the interrupt; -1 where that was not seen.
  public var completedCPU: Int32 = -1
  /// The letters of its first event.
  public var rwbs: RWBS = []
  /// What is odd about it.
  public var traits: RequestTraits = []

  /// A request of which nothing is known yet.
  @inlinable
  public init() {}

  /// Sectors of the longest: bios are merged until it has as many as the kernel's longest, and the last of them may
  /// have as many again.
  @inlinable public static var longest: Int64 { 2 * Int64(BlockEvent.longest) }

  /// What it is for: the first rule that applies.
  public var operation: BlockOperation {
    for rule in Self.operationRules
    where !traits.isDisjoint(with: rule.traits) || !rwbs.isDisjoint(with: rule.rwbs) {
      return rule.operation
    }
    return .other
  }

  /// What a request with any of these traits or letters is for; the view `request` follows the same rules.
  public static let operationRules:
    [(traits: RequestTraits, rwbs: RWBS, operation: BlockOperation)] = [
      (.passthrough, [], .other), ([], .discard, .discard), (.flush, .flush, .flush),
      ([], .write, .write), ([], .read, .read),
    ]
}

/// What is odd about a request.
public struct RequestTraits: OptionSet, Sendable, Hashable {
  /// One bit each; stored.
  public let rawValue: UInt16
  /// From stored bits.
  @inlinable
  public init(rawValue: UInt16) { self.rawValue = rawValue }

  /// Another request for the same blocks was at the device at the same time: which completion is
  /// whose cannot be told.
  @inlinable public static var aliased: RequestTraits { RequestTraits(rawValue: 1 << 0) }
  /// A piece that `X` cut off: its Q is that of the bio it was part of.
  @inlinable public static var splitPiece: RequestTraits { RequestTraits(rawValue: 1 << 1) }
  /// The head of a bio that `X` cut.
  @inlinable public static var splitHead: RequestTraits { RequestTraits(rawValue: 1 << 2) }
  /// The driver gave it back at least once.
  @inlinable public static var requeued: RequestTraits { RequestTraits(rawValue: 1 << 3) }
  /// A cache flush.
  @inlinable public static var flush: RequestTraits { RequestTraits(rawValue: 1 << 4) }
  /// A command straight to the driver.
  @inlinable public static var passthrough: RequestTraits { RequestTraits(rawValue: 1 << 5) }
  /// Events were lost while it was open.
  @inlinable public static var lossy: RequestTraits { RequestTraits(rawValue: 1 << 6) }
  /// The clock was set back while it was open: its stamps are of two stretches.
  @inlinable public static var acrossStep: RequestTraits { RequestTraits(rawValue: 1 << 8) }
  /// It came back in several completions.
  @inlinable public static var partial: RequestTraits { RequestTraits(rawValue: 1 << 7) }
}

/// A bio that was merged into a request which another bio had started.
public struct MergedBio: Sendable {
  /// The request that carried it.
  public var request: Int64 = 0
  /// Its `Q`.
  public var queued = Stamp.unseen
  /// Its `M` or `F`.
  public var merged = Stamp.unseen
  /// First sector.
  public var sector: Int64 = -1
  /// Length in sectors.
  public var sectors: Int64 = 0
  /// Where its `Q` stands in the file.
  public var line: Int64 = 0
  /// The task that queued it.
  public var task: Int32 = 0
  /// The letters of its `Q`.
  public var rwbs: RWBS = []

  /// A bio of which nothing is known yet.
  @inlinable
  public init() {}
}
