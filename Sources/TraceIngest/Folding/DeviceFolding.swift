internal import TraceModel

/// Follows the requests of one device from `Q` to `C`.
///
/// A value, changed in place: a class would pay for a check of access at every use of a property.
struct DeviceFolding {
  let number: DeviceNumber
  private var stream: Int32
  let output: RowOutput
  var open = OpenRequests()
  /// Writes with a preflush that have not been issued, oldest first.
  var awaitingPreflush: [Int32] = []
  /// Empty flush bios that have not completed, oldest first.
  var flushBios: [Int32] = []
  /// Flush requests at the driver, oldest first.
  var flushes: [BlockRequest] = []
  /// Flushes that were issued while no other was at the device, and while one was.
  var flushesAlone = 0
  var flushesTogether = 0
  /// The last flush of a bio that completed.
  var lastFlush = BlockRequest()
  /// Requests whose data are done and whose flush is not, oldest first.
  var finishing: [Int32] = []
  private var stages = [LatencyHistogram](
    repeating: LatencyHistogram(), count: Stage.allCases.count)
  /// D2C of requests without a Q, which btt does not count; all there is of a trace without any Q.
  private var unqueued = LatencyHistogram()
  private var lastQueued = Stamp.unseen
  private var arrivals: Int64 = 0
  private(set) var lostUntil = Int64.min
  private var hasQueue = false
  /// Events of requests were seen: it is no device of bios only, as device-mapper, md and bcache make them.
  var hasRequests = false
  /// Whether the text may name a `C` by the begin of a bio that was split, see ``pieceEnding(at:_:)``.
  private let completionsMayGrow: Bool
  /// A bio was split.
  private var hasSplits = false
  /// Requests that were issued.
  private(set) var issues: Int64 = 0
  /// Requests whose data came back in the usual time, and the sum of these times, ns.
  var served: (count: Int64, sum: Int64) = (0, 0)
  /// The same of those that were the only one of their blocks in flight: each has its own completion.
  var servedAlone: (count: Int64, sum: Int64) = (0, 0)
  /// Requests that came back so late that the completion may be one of a later request, oldest first; they are decided
  /// on when more is known.
  var suspects: [Int32] = []
  /// Requests that came back late while a later request of the same blocks was in flight, oldest first: the completion
  /// may be that of the later one. They are decided on when more is known.
  var doubtful: [(index: Int32, order: Int64)] = []

  /// Requests that may be open; a trace without completions must not fill the memory.
  private static let mostOpen = 1 << 18
  /// Those of them that may begin at one sector: each event looks at all that begin at its own.
  private static let mostAtOneSector: Int32 = 1 << 10
  /// Requests that wait for the completion of a flush sequence; on devices with a cache of their own none
  /// comes.
  private static let mostFinishing = 64
  /// Flushes, and writes with a preflush, that may be open.
  static let mostFlushes = 1024
  /// Where fewer than one of so many flushes is issued while another is at the device, they hardly ever are there
  /// together.
  static let flushesPerMeeting = 16
  /// Places in a request at which bios are looked for that wait there: those of the kernel's longest, 4 KiB each.
  private static let mostLooks = 1 << 10
  /// Bios of one request: the kernel counts its segments in 16 bits.
  private static let mostBios = 1 << 16

  init(number: DeviceNumber, stream: Int32, output: RowOutput, completionsMayGrow: Bool = false) {
    self.completionsMayGrow = completionsMayGrow
    self.number = number
    self.stream = stream
    self.output = output
  }

  @inline(__always)
  mutating func fold(_ event: BlockEvent) throws {
    guard !event.isPassthrough, event.sectors > 0 || Self.isFlush(event) else { return }
    switch event.action {
    case .queue: try queued(event)
    case .getRequest: try allocated(event)
    case .insert: try inserted(event)
    case .issue: try issued(event)
    case .complete: try completed(event)
    case .requeue: requeued(event)
    case .backMerge: try merged(event, atBack: true)
    case .frontMerge: try merged(event, atBack: false)
    case .split: try split(event)
    case .sleep, .bounce, .plug, .unplug, .unplugTimer, .remap, .message: break
    }
  }

  /// Whether an event without a length is one of a flush; else it is of a command of another kind
  /// (`D   N (00 ..) [sg tur]`) or has none by its nature, as `X`.
  @inline(__always)
  private static func isFlush(_ event: BlockEvent) -> Bool {
    event.action == .split
      || !event.rwbs.isDisjoint(with: [.preflush, .flush, .write, .fua])
  }

  /// Events were lost up to this time.
  mutating func lost(until time: Int64) { lostUntil = max(lostUntil, time) }

  /// The clock was set back: what is queued from now on belongs to another stretch.
  mutating func clockStepped(to segment: Int32) throws {
    stream = try output.sink.stream(StreamKey(device: number, segment: segment))
    lastQueued = .unseen
    lastFlush = BlockRequest()
    try settle()
    for index in open.all() { open[index].row.traits.insert(.acrossStep) }
    for index in flushes.indices { flushes[index].traits.insert(.acrossStep) }
  }

  /// The end of the trace: what is open stays incomplete. Events of its end may be lost: then what is open is so for
  /// that reason.
  mutating func finish(mayLackCompletions: Bool) throws {
    try settle()
    for index in open.all() {
      if mayLackCompletions, !open[index].row.completed.isSeen {
        open[index].row.traits.insert(.lossy)
      }
      try emit(index, isEnd: true)
    }
    for var flush in flushes {
      if mayLackCompletions { flush.traits.insert(.lossy) }
      try output.emit(numbered(flush))
    }
    if !hasQueue { stages[Stage.d2c.rawValue] = unqueued }
    for stage in Stage.allCases where stages[stage.rawValue].count > 0 {
      output.stages.append(
        StageSummary(stream: stream, stage: stage, histogram: stages[stage.rawValue]))
    }
  }

  // MARK: - The way in

  /// `Q  WS 81920 + 16 [fio]`; without a sector it is an empty flush, `Q FWS [jbd2/vda-8]`.
  private mutating func queued(_ event: BlockEvent) throws {
    hasQueue = true
    var request = try begin(event)
    request.row.queued = Stamp(event.time)
    guard event.sectors > 0 else {
      request.row.traits.insert(.flush)
      request.key = -1
      flushBios.append(try insert(request))
      if flushBios.count > Self.mostFlushes {
        output.givenUp += 1
        try emit(flushBios[0], isEnd: true)
      }
      return
    }
    if let last = lastQueued.nanoseconds { stages[Stage.q2q.rawValue].add(event.time - last) }
    lastQueued = Stamp(event.time)
    try dropStale(
      request.row.sector, request.row.sectors, request.row.rwbs.direction, at: event.time)
    let index = try insert(request)
    if hasSplits, completionsMayGrow { open.fileEnd(index) }
    if !hasRequests { markAliases(of: index, since: event.time) }
  }

  /// Files a new one. When too many are open the oldest go, an eighth at once, because to find them means to
  /// look at all.
  private mutating func insert(_ request: OpenRequest) throws -> Int32 {
    if open.count >= Self.mostOpen { try settle() }
    if open.count >= Self.mostOpen {
      for oldest in open.all().prefix(Self.mostOpen / 8) {
        output.givenUp += 1
        try emit(oldest, isEnd: true)
      }
    }
    let index = open.insert(request)
    // Completions are missing: a device holds fewer.
    var oldest = open.oldest(at: request.key, ifMoreThan: Self.mostAtOneSector)
    if oldest >= 0, open[oldest].phase == .finishing {
      try settle()
      oldest = open.oldest(at: request.key, ifMoreThan: Self.mostAtOneSector)
    }
    if oldest >= 0 {
      output.givenUp += 1
      try emit(oldest, isEnd: true)
    }
    return index
  }

  /// Completions were lost: an older request of the same blocks that is still open would take the
  /// completion of this one, and each after it that of the next. One that has not been in flight for longer than usual
  /// stays: of few lost events its completion is hardly one.
  private mutating func dropStale(
    _ sector: Int64, _ sectors: Int64, _ direction: RWBS, at time: Int64, besides index: Int32 = -1
  ) throws {
    guard lostUntil > .min else { return }
    let until = lostUntil
    let order = index < 0 ? Int64.max : open[index].order
    while true {
      let stale = open.first(at: sector, going: direction) {
        $0.row.sectors == sectors && $0.phase != .finishing && $0.order < order
          && Self.earliest($0.row).rawValue < until && isLate($0.row, at: time)
      }
      guard stale >= 0 else { return }
      open[stale].row.traits.insert(.lossy)
      try emit(stale, isEnd: true)
    }
  }

  private mutating func allocated(_ event: BlockEvent) throws {
    hasRequests = true
    guard event.sectors > 0 else {
      if let bio = try flushBio(of: event, where: { $0.phase == .queued }) {
        open[bio].row.got = Stamp(event.time)
        open[bio].phase = .allocated
      }
      return
    }
    let index = try queuedOrNew(event)
    open[index].row.got = Stamp(event.time)
    open[index].phase = .allocated
    open.fileEnd(index)
    if open[index].row.rwbs.contains(.preflush) {
      awaitingPreflush.append(index)
      if awaitingPreflush.count > Self.mostFlushes { awaitingPreflush.removeFirst() }
    }
  }

  private mutating func inserted(_ event: BlockEvent) throws {
    hasRequests = true
    guard event.sectors > 0 else { return }
    var index = open.first(at: event.sector, going: event.rwbs.direction) {
      $0.phase == .allocated && $0.row.sectors == Int64(event.sectors)
    }
    if index < 0 {
      index = open.first(at: event.sector, going: event.rwbs.direction) { $0.phase == .allocated }
    }
    if index < 0 { index = try queuedOrNew(event) }
    open[index].row.inserted = Stamp(event.time)
    open[index].phase = .allocated
    // btt counts the bio that the line begins with as inserted; after a front merge that is not the
    // first one.
    var bio = open[index].firstBio
    while bio >= 0 {
      if open[bio: bio].row.sector == event.sector { open[bio: bio].inserted = Stamp(event.time) }
      bio = open[bio: bio].next
    }
  }

  /// `M W 81928 + 8 [fio]`: a bio, or a whole request, goes to the end of a request (`F`: to its front).
  private mutating func merged(_ event: BlockEvent, atBack: Bool) throws {
    let sectors = Int64(event.sectors)
    // The youngest bio of these blocks that has no request; else a whole request.
    var child = open.first(at: event.sector, going: event.rwbs.direction) {
      $0.phase == .queued && $0.row.sectors == sectors
    }
    if child < 0 {
      child = open.first(at: event.sector, going: event.rwbs.direction) {
        $0.phase == .allocated && $0.row.sectors == sectors
      }
    }
    let isKnown = child >= 0
    let parent =
      atBack
      ? open.first(endingAt: event.sector) { $0.phase == .allocated }
      : open.first(at: event.sector + sectors, going: event.rwbs.direction) {
        $0.phase == .allocated
      }
    guard parent >= 0, parent != child, open[parent].row.sectors < BlockEvent.longest,
      open[parent].bioCount < Self.mostBios
    else {
      // The request began before the trace, or its events were lost: the bio lives on by itself and
      // will be found by the D that covers it.
      if !isKnown { output.unpaired += 1 }
      return
    }
    var bio: OpenBio
    if isKnown {
      bio = takenBio(child)
      moveBios(of: child, to: parent)
      open.remove(child)
    } else {
      bio = OpenBio()
      bio.row.sectors = sectors
      bio.row.line = event.line
      bio.row.task = try output.task(pid: event.pid, name: event.task)
      bio.row.rwbs = event.rwbs
    }
    bio.row.sector = event.sector
    bio.row.merged = Stamp(event.time)
    open.attach(bio, to: parent)
    open[parent].row.sectors += sectors
    open[parent].remaining += sectors
    if !atBack {
      open[parent].row.sector = event.sector
      open.rekey(parent, to: event.sector)
    }
    open.fileEnd(parent)
  }

  private mutating func moveBios(of child: Int32, to parent: Int32) {
    var bio = open[child].firstBio
    while bio >= 0 {
      let following = open[bio: bio].next
      open.attach(open[bio: bio], to: parent)
      bio = following
    }
  }

  /// `X   R 2048 / 3072 [fio]`: the bio goes on as 2048..3072; the rest appears again as a request of its
  /// own, without a Q.
  private mutating func split(_ event: BlockEvent) throws {
    hasSplits = true
    let index = open.first(at: event.sector, going: event.rwbs.direction) { $0.phase == .queued }
    let (sector, second) = (event.sector, event.other)
    guard index >= 0, second > sector, second < sector + open[index].row.sectors else { return }
    var rest = open[index]
    rest.firstBio = -1
    rest.bioCount = 0
    rest.row.sector = second
    rest.row.sectors -= second - sector
    rest.ownSectors = rest.row.sectors
    rest.remaining = rest.row.sectors
    rest.key = second
    rest.endKey = -1
    rest.row.traits.insert(.splitPiece)
    rest.order = arrivals
    arrivals += 1
    open[index].row.sectors = second - sector
    open[index].ownSectors = second - sector
    open[index].remaining = second - sector
    open[index].row.traits.insert(.splitHead)
    let other = try insert(rest)
    if completionsMayGrow {
      open.fileEnd(index)
      open.fileEnd(other)
    }
  }

  // MARK: - At the driver

  private mutating func issued(_ event: BlockEvent) throws {
    hasRequests = true
    guard event.sectors > 0 else {
      try flushIssued(event)
      return
    }
    issues += 1
    let sectors = Int64(event.sectors)
    var index = open.first(at: event.sector, going: event.rwbs.direction) {
      $0.phase == .allocated && $0.row.sectors == sectors
    }
    if index < 0 {
      index = open.first(at: event.sector, going: event.rwbs.direction) { $0.phase == .allocated }
    }
    if index < 0 { index = queuedRequest(event) }
    if index < 0 { index = givenBack(event) }
    if index < 0 {
      index = try insert(try begin(event))
      if hasQueue { takeBios(of: index, from: event.sector) }
    }
    if !open[index].row.firstIssued.isSeen { open[index].row.firstIssued = Stamp(event.time) }
    open[index].row.issued = Stamp(event.time)
    open[index].row.issuedCPU = event.knownCPU
    if open[index].row.sectors != sectors { adopt(sectors, index) }
    open[index].remaining = sectors
    open[index].phase = .issued
    if completionsMayGrow {
      if open[index].endKey != open[index].row.sector + open[index].row.sectors {
        open.fileEnd(index)
      }
    } else {
      open.unlinkEnd(index)
    }
    if open[index].row.rwbs.contains(.preflush)
      || (open[index].row.rwbs.contains(.fua) && !event.rwbs.contains(.fua))
    {
      open[index].isSequenced = true
      awaitingPreflush.removeAll { $0 == index }
    }
    try dropStale(
      event.sector, sectors, event.rwbs.direction, at: event.time, besides: index)
    markAliases(of: index, since: event.time)
  }

  /// The request that is issued again where the line that it was given back (`R  WS 1976864 + 8 [0]`) is missing: a new
  /// one would have a `Q` of its own. -1 for none.
  private mutating func givenBack(_ event: BlockEvent) -> Int32 {
    guard hasQueue else { return -1 }
    let sectors = Int64(event.sectors)
    let index = open.latestIssued(at: event.sector, going: event.rwbs.direction) {
      $0.phase == .issued && $0.row.sectors == sectors && $0.row.queued.isSeen
        && !isOverdue($0.row, at: event.time)
    }
    if index >= 0 { open[index].row.traits.insert(.requeued) }
    return index
  }

  /// The line says another length than our merges made.
  private mutating func adopt(_ sectors: Int64, _ index: Int32) {
    let end = open[index].row.sector + open[index].row.sectors
    open[index].row.sectors = sectors
    takeBios(of: index, from: end)
  }

  /// Bios that wait at sectors of a request from this one on went with it: their merges were lost, or are not in the trace
  /// (perf without `block_bio_backmerge`). Left there, each would take the `D` of a later request of its sector:
  ///
  ///     Q  WS 992 + 8
  ///     Q  WS 1000 + 8
  ///     D  WS 992 + 16
  private mutating func takeBios(of index: Int32, from sector: Int64) {
    let (end, direction) = (
      open[index].row.sector + open[index].row.sectors, open[index].row.rwbs.direction
    )
    var place = sector
    var looks = 0
    while place < end, looks < Self.mostLooks, open[index].bioCount < Self.mostBios {
      looks += 1
      let bio = open.first(at: place, going: direction) {
        $0.phase == .queued && place + $0.row.sectors <= end
          && $0.row.traits.isDisjoint(with: [.splitHead, .splitPiece])
      }
      guard bio >= 0, bio != index else {
        // The smallest bio of most file systems.
        place += 8
        continue
      }
      place += open[bio].row.sectors
      open.attach(takenBio(bio), to: index)
      open.remove(bio)
    }
  }

  /// A bio that is merged, of what is known of it alone.
  private func takenBio(_ index: Int32) -> OpenBio {
    let own = open[index]
    var bio = OpenBio()
    bio.row.sector = own.row.sector
    bio.row.sectors = own.ownSectors
    bio.row.queued = own.row.queued
    bio.row.line = own.row.line
    bio.row.task = own.row.task
    bio.row.rwbs = own.row.rwbs
    return bio
  }

  /// Two requests for the same blocks at the device: which completion is whose cannot be told.
  private mutating func markAliases(of index: Int32, since time: Int64) {
    // Read beforehand: read within the call they would have it copy all that is open.
    let (sector, sectors) = (open[index].row.sector, open[index].row.sectors)
    let (direction, phase) = (open[index].row.rwbs.direction, open[index].phase)
    let other = open.first(at: sector, going: direction) {
      $0.phase == phase && $0.row.sectors == sectors
    }
    if other >= 0, other != index, !isOverdue(open[other].row, at: time) {
      open[other].row.traits.insert(.aliased)
      open[index].row.traits.insert(.aliased)
      // If the completion of that one is lost, it takes this one's, and this one that of the next.
      if lostUntil > .min,
        open[other].row.traits.contains(.lossy)
          || Self.earliest(open[other].row).rawValue <= lostUntil
      {
        open[index].row.traits.insert(.lossy)
      }
    }
  }

  /// `R  WS 1976864 + 8 [0]`: the driver gives back what it has just been given (its ring was full), so of
  /// several requests of these blocks the one that was issued last.
  private mutating func requeued(_ event: BlockEvent) {
    guard event.sectors > 0 else { return flushRequeued() }
    let sectors = Int64(event.sectors)
    let index = open.latestIssued(at: event.sector, going: event.rwbs.direction) {
      $0.phase == .issued && $0.row.sectors == sectors
    }
    guard index >= 0 else { return }
    open[index].phase = .allocated
    open[index].row.traits.insert(.requeued)
    open[index].row.issued = .unseen
    open.fileEnd(index)
  }

  // MARK: - The way out

  private mutating func completed(_ event: BlockEvent) throws {
    guard event.sectors > 0 else {
      try completedWithoutLength(event)
      return
    }
    var sectors = Int64(event.sectors)
    var index = open.first(at: event.sector, going: event.rwbs.direction) {
      $0.phase == .issued && $0.remaining == sectors
    }
    if index < 0, hasSplits { index = pieceEnding(at: event.sector + sectors, event) }
    if index < 0 {
      index = open.first(at: event.sector, going: event.rwbs.direction) {
        $0.phase == .issued && $0.remaining > sectors
      }
    }
    // The line with the split may be missing: a filter.
    if index < 0, !hasSplits { index = pieceEnding(at: event.sector + sectors, event) }
    if index < 0, !(completionsMayGrow && hasSplits) {
      index = open.first(at: event.sector, going: event.rwbs.direction) { $0.phase == .issued }
    }
    if index < 0 {
      // Bio based devices have Q and C only.
      index = open.first(at: event.sector, going: event.rwbs.direction) {
        $0.phase != .finishing && $0.row.sectors == sectors
      }
    }
    if index >= 0, isOverdue(open[index].row, at: event.time) { index = newer(than: index, event) }
    if index < 0 {
      if hasQueue { output.unpaired += 1 }
      index = try insert(try begin(event))
      open[index].row.traits.insert(.lossy)
    }
    if open[index].key != event.sector { sectors = open[index].remaining }
    open[index].row.completed = Stamp(event.time)
    open[index].row.completedCPU = event.knownCPU
    open[index].row.error = event.error
    if event.error == 0, open[index].remaining > sectors {
      open[index].remaining -= sectors
      open[index].row.traits.insert(.partial)
      open.rekey(index, to: event.sector + sectors)
      return
    }
    if open[index].isSequenced {
      open[index].phase = .finishing
      finishing.append(index)
      if finishing.count > Self.mostFinishing { try emit(finishing.removeFirst()) }
      return
    }
    if try hold(index, event) { return }
    noteServed(open[index].row)
    try emit(index)
  }

  /// The piece of a split bio, in flight, that ends at this sector; -1 for none.
  ///
  /// blkparse from 1.3 on keeps where each split bio began, and prints the `C` of a piece from there with the length so
  /// far: `D 10256 + 256` ends as `C 10000 + 512`. It does not forget these places, so a later request at one of them
  /// is printed in the same way. The end is what it leaves alone.
  private func pieceEnding(at end: Int64, _ event: BlockEvent) -> Int32 {
    guard completionsMayGrow else { return -1 }
    let isOfRequest = hasRequests
    return open.oldest(endingAt: end, going: event.rwbs.direction) {
      ($0.phase == .issued || !isOfRequest && $0.phase == .queued) && $0.key > event.sector
        && $0.key + $0.remaining == end
    }
  }

  // MARK: - Rows

  mutating func begin(_ event: BlockEvent) throws -> OpenRequest {
    var request = OpenRequest()
    request.row.sector = event.sectors > 0 ? event.sector : -1
    request.row.sectors = Int64(event.sectors)
    request.row.rwbs = event.rwbs
    request.row.line = event.line
    request.row.stream = stream
    request.row.task = try output.task(pid: event.pid, name: event.task)
    request.ownSectors = Int64(event.sectors)
    request.remaining = Int64(event.sectors)
    request.key = request.row.sector
    request.order = arrivals
    arrivals += 1
    return request
  }

  /// The oldest queued one with the event's blocks; a new one when its beginning is not in the trace.
  private mutating func queuedOrNew(_ event: BlockEvent) throws -> Int32 {
    let index = queuedRequest(event)
    return index >= 0 ? index : try insert(try begin(event))
  }

  /// The oldest queued one with the event's blocks, or else at its sector; -1 for none.
  private func queuedRequest(_ event: BlockEvent) -> Int32 {
    let sectors = Int64(event.sectors)
    let index = open.first(at: event.sector, going: event.rwbs.direction) {
      $0.phase == .queued && $0.row.sectors == sectors
    }
    if index >= 0 { return index }
    return open.first(at: event.sector, going: event.rwbs.direction) { $0.phase == .queued }
  }

  mutating func emit(_ index: Int32, isEnd: Bool = false) throws {
    let request = open[index]
    var row = request.row
    if lostUntil > .min, Self.earliest(row).rawValue <= lostUntil { row.traits.insert(.lossy) }
    // Beside a loss it may be the completion of another request of the same blocks.
    count(request, isOwnEnd: !row.traits.isSuperset(of: [.aliased, .lossy]))
    row = numbered(row)
    var bio = request.firstBio
    while bio >= 0 {
      var merged = open[bio: bio].row
      merged.request = row.id
      output.emit(merged)
      bio = open[bio: bio].next
    }
    try output.emit(row)
    if isEnd {
      flushBios.removeAll { $0 == index }
      finishing.removeAll { $0 == index }
      awaitingPreflush.removeAll { $0 == index }
    }
    open.remove(index)
  }

  func numbered(_ row: BlockRequest) -> BlockRequest {
    var row = row
    row.id = output.sink.nextRequestID()
    return row
  }

  /// Adds a request's stages, bio by bio, as btt does; those to its completion only if that is its own.
  private mutating func count(_ request: OpenRequest, isOwnEnd: Bool) {
    let row = request.row
    // Times before and after a step do not compare.
    guard !row.traits.contains(.acrossStep) else { return }
    // A bio that was cut has no single way through the layer; btt leaves its later stages out too.
    let isCut = row.traits.contains(.splitHead) || row.traits.contains(.splitPiece)
    guard row.queued.isSeen, row.sector >= 0 else {
      if !hasQueue, isOwnEnd, row.sector >= 0, let from = row.issued.nanoseconds,
        let to = row.completed.nanoseconds
      {
        unqueued.add(to - from)
      }
      countBios(request, isOwnEnd: isOwnEnd)
      return
    }
    if !row.traits.contains(.splitPiece) { add(.q2g, row.queued, row.got) }
    // After a front merge the I line begins with the merged bio's sector, and is that bio's.
    if !row.traits.contains(.splitPiece), row.got.isSeen, !beginsWithMerged(request) {
      add(.g2i, row.got, row.inserted)
    }
    if !isCut {
      if !beginsWithMerged(request) { add(.i2d, row.inserted, row.issued) }
      if isOwnEnd {
        add(.d2c, row.issued, row.completed)
        add(.q2c, row.queued, row.completed)
      }
    }
    countBios(request, isOwnEnd: isOwnEnd)
  }

  private func beginsWithMerged(_ request: OpenRequest) -> Bool {
    var bio = request.firstBio
    while bio >= 0 {
      if open[bio: bio].inserted.isSeen { return true }
      bio = open[bio: bio].next
    }
    return false
  }

  private mutating func countBios(_ request: OpenRequest, isOwnEnd: Bool) {
    var bio = request.firstBio
    while bio >= 0 {
      let merged = open[bio: bio]
      if merged.row.queued.isSeen {
        add(.q2m, merged.row.queued, merged.row.merged)
        if merged.inserted.isSeen {
          add(.i2d, merged.inserted, request.row.issued)
        } else {
          add(.m2d, merged.row.merged, request.row.issued)
        }
        if isOwnEnd {
          add(.d2c, request.row.issued, request.row.completed)
          add(.q2c, merged.row.queued, request.row.completed)
        }
      }
      bio = merged.next
    }
  }

  @inline(__always)
  private mutating func add(_ stage: Stage, _ from: Stamp, _ to: Stamp) {
    guard let start = from.nanoseconds, let end = to.nanoseconds else { return }
    stages[stage.rawValue].add(end - start)
  }

  private static func earliest(_ row: BlockRequest) -> Stamp {
    if row.queued.isSeen { return row.queued }
    if row.got.isSeen { return row.got }
    if row.inserted.isSeen { return row.inserted }
    if row.firstIssued.isSeen { return row.firstIssued }
    return row.completed
  }
}
