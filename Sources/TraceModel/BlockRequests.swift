/// The requests of a device's stretch, packed: millions are held at once, in 40 bytes each.
///
/// Kept is what correlation asks for: neither `G`, `I` nor the line.
public struct BlockRequests: RandomAccessCollection, ExpressibleByArrayLiteral, Sendable {
  /// What many requests have in common.
  @usableFromInline
  struct Kind: Hashable, Sendable {
    @usableFromInline let stream: Int32
    @usableFromInline let task: Int32
    @usableFromInline let error: Int32
    @usableFromInline let rwbs: RWBS
    @usableFromInline let traits: RequestTraits

    init(_ request: BlockRequest) {
      (stream, task, error) = (request.stream, request.task, request.error)
      (rwbs, traits) = (request.rwbs, request.traits)
    }
  }

  @usableFromInline
  struct Packed: Sendable {
    /// `Q`, or the first of the others that was seen.
    @usableFromInline var at: Int64
    @usableFromInline var sector: Int64
    /// After the number of the first that was added.
    @usableFromInline var id: Int32
    /// ns after `at`; `Int32.min` where it was not seen.
    @usableFromInline var issued: Int32
    @usableFromInline var completed: Int32
    @usableFromInline var sectors: Int32
    @usableFromInline var kind: UInt16
    /// One more than the number; 0 where it was not seen.
    @usableFromInline var issuedCPU: UInt16
    @usableFromInline var completedCPU: UInt16
    @usableFromInline var isQueued: Bool
    /// Another form holds it.
    @usableFromInline var isWhole: Bool
  }

  @usableFromInline var packed: [Packed] = []
  @usableFromInline var kinds: [Kind] = []
  @usableFromInline var first: Int64 = 0
  /// Those that do not fit, by their places: with detours (a flush before it, a ring that was full), longer than 2 s,
  /// of a kind or number that no short one stands for, or damaged.
  @usableFromInline var whole: [Int: BlockRequest] = [:]
  private var kindOf: [Kind: UInt16] = [:]

  /// None.
  public init() {}

  /// Those of a sequence.
  public init(_ requests: some Sequence<BlockRequest>) {
    reserveCapacity(requests.underestimatedCount)
    for request in requests { append(request) }
  }

  /// Those of a list.
  public init(arrayLiteral requests: BlockRequest...) { self.init(requests) }

  /// Makes room.
  public mutating func reserveCapacity(_ count: Int) { packed.reserveCapacity(count) }

  /// Adds one.
  public mutating func append(_ request: BlockRequest) {
    let kind = number(of: Kind(request))
    let at = [request.queued, request.issued, request.completed].first { $0.isSeen }?.rawValue ?? 0
    let issued = Self.distance(at, request.issued)
    let completed = Self.distance(at, request.completed)
    let sectors = Int32(exactly: request.sectors)
    let issuedCPU = UInt16(exactly: request.issuedCPU + 1)
    let completedCPU = UInt16(exactly: request.completedCPU + 1)
    let hasDetour =
      request.firstIssued != request.issued || request.finished.isSeen
      || request.flushIssued.isSeen || request.flushCompleted.isSeen
    if packed.isEmpty { first = request.id }
    let id = Int32(exactly: request.id &- first)
    let isWhole =
      hasDetour || id == nil || kind == nil || issued == nil || completed == nil || sectors == nil
      || issuedCPU == nil
      || completedCPU == nil
    if isWhole { whole[packed.count] = request }
    packed.append(
      Packed(
        at: at, sector: request.sector, id: id ?? 0, issued: issued ?? .min,
        completed: completed ?? .min, sectors: sectors ?? 0, kind: kind ?? 0,
        issuedCPU: issuedCPU ?? 0, completedCPU: completedCPU ?? 0,
        isQueued: request.queued.isSeen, isWhole: isWhole))
  }

  /// Those for which something is true.
  public func filter(_ isIncluded: (BlockRequest) throws -> Bool) rethrows -> BlockRequests {
    var found = BlockRequests()
    (found.kinds, found.kindOf, found.first) = (kinds, kindOf, first)
    for place in indices where try isIncluded(self[place]) {
      if packed[place].isWhole { found.whole[found.packed.count] = whole[place] }
      found.packed.append(packed[place])
    }
    return found
  }

  /// ns after a moment; nil where they are too many.
  private static func distance(_ at: Int64, _ stamp: Stamp) -> Int32? {
    guard stamp.isSeen else { return .min }
    let distance = Int32(exactly: stamp.rawValue &- at)
    return distance == .min ? nil : distance
  }

  /// Nil where there are too many.
  private mutating func number(of kind: Kind) -> UInt16? {
    if let last = packed.last, kinds[Int(last.kind)] == kind { return last.kind }
    if let number = kindOf[kind] { return number }
    guard let number = UInt16(exactly: kinds.count) else { return nil }
    kinds.append(kind)
    kindOf[kind] = number
    return number
  }

  /// 0.
  @inlinable public var startIndex: Int { 0 }
  /// How many there are.
  @inlinable public var endIndex: Int { packed.count }

  /// The request at a place.
  @inlinable
  public subscript(place: Int) -> BlockRequest {
    let own = packed[place]
    if own.isWhole, let request = whole[place] { return request }
    let kind = kinds[Int(own.kind)]
    var request = BlockRequest()
    request.id = first &+ Int64(own.id)
    if own.isQueued { request.queued = Stamp(own.at) }
    if own.issued != .min { request.issued = Stamp(own.at &+ Int64(own.issued)) }
    request.firstIssued = request.issued
    if own.completed != .min { request.completed = Stamp(own.at &+ Int64(own.completed)) }
    request.sector = own.sector
    request.sectors = Int64(own.sectors)
    request.stream = kind.stream
    request.task = kind.task
    request.error = kind.error
    request.rwbs = kind.rwbs
    request.traits = kind.traits
    request.issuedCPU = Int32(own.issuedCPU) - 1
    request.completedCPU = Int32(own.completedCPU) - 1
    return request
  }

  /// The number of the request at a place.
  @inlinable
  public func id(at place: Int) -> Int64 {
    let own = packed[place]
    if own.isWhole, let request = whole[place] { return request.id }
    return first &+ Int64(own.id)
  }
}
