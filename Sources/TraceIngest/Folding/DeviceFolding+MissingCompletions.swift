internal import TraceModel

/// Traces that lack completions: perf records none that interrupt an idle CPU, buffers overflow, text is filtered. A
/// request whose completion is missing must not take that of a later request of the same blocks.
extension DeviceFolding {
  /// A request in flight for less than this, ns, is never taken for one whose completion is missing.
  private static let longestUsual: Int64 = 1_000_000_000
  /// Nor one that took less than this many times the mean.
  private static let mostTimesMean: Int64 = 50
  /// A completion is doubtful if with it a request takes more than this many times the mean while a later request of
  /// the same blocks is in flight.
  private static let doubtfulTimesMean: Int64 = 10
  /// A mean of fewer requests is not compared with.
  private static let fewestAlone: Int64 = 8
  /// One of this many requests without a completion is more than the end of a trace explains.
  private static let shareMissing: Int64 = 20
  /// Requests that wait for a decision.
  private static let mostSuspects = 4096

  /// When the device got a request, or a bio where it has no requests.
  @inline(__always)
  private static func start(of row: BlockRequest) -> Int64? {
    row.issued.nanoseconds ?? row.queued.nanoseconds
  }

  /// Whether a request has been in flight much longer than others are.
  @inline(__always)
  func isOverdue(_ row: BlockRequest, at time: Int64) -> Bool {
    guard let since = Self.start(of: row) else { return false }
    let age = time - since
    return age >= Self.longestUsual && served.count > 0
      && age / Self.mostTimesMean >= served.sum / served.count
  }

  /// Whether a request has been in flight for longer than is usual; also where nothing is known to be usual.
  @inline(__always)
  func isLate(_ row: BlockRequest, at time: Int64) -> Bool {
    guard let since = Self.start(of: row), servedAlone.count >= Self.fewestAlone else {
      return true
    }
    return (time - since) / Self.doubtfulTimesMean > servedAlone.sum / servedAlone.count
  }

  /// The request for the same blocks that was issued after one that is overdue, if it is none itself: the completion
  /// of the older one is missing, and this is that of the newer one.
  func newer(than index: Int32, _ event: BlockEvent) -> Int32 {
    let (phase, sectors) = (open[index].phase, open[index].remaining)
    let latest = open.latestIssued(at: open[index].key, going: event.rwbs.direction) {
      $0.phase == phase && $0.remaining == sectors && !isOverdue($0.row, at: event.time)
    }
    return latest >= 0 ? latest : index
  }

  /// Counts how long a request took.
  @inline(__always)
  mutating func noteServed(_ row: BlockRequest) {
    guard let since = Self.start(of: row), let time = row.completed.nanoseconds else { return }
    served.count += 1
    served.sum.add(saturating: time - since)
    guard !row.traits.contains(.aliased) else { return }
    servedAlone.count += 1
    servedAlone.sum.add(saturating: time - since)
  }

  /// Keeps a request open whose completion may be that of another, until more is known; false if it is certain.
  @inline(__always)
  mutating func hold(_ index: Int32, _ event: BlockEvent) throws -> Bool {
    if open[index].row.traits.contains(.aliased), try isDoubtful(index, event) {
      open[index].phase = .finishing
      open[index].isDoubtful = true
      doubtful.append((index, open[index].order))
      if doubtful.count > Self.mostSuspects { try settleMany() }
      return true
    }
    // Where few are open, none can be missing.
    if isOverdue(open[index].row, at: event.time), Int64(open.count) * Self.shareMissing >= issues {
      open[index].phase = .finishing
      suspects.append(index)
      if suspects.count > Self.mostSuspects { try settle() }
      return true
    }
    return false
  }

  /// Decides on the requests that are held.
  mutating func settle() throws {
    try settleDoubtful()
    try settleSuspects()
  }

  // MARK: - Completions of later requests of the same blocks

  /// Whether a completion came late for a request, or for an earlier one of the same blocks, while a later one of them
  /// is in flight. If none is, the earlier ones each had their own completion, and were late.
  private mutating func isDoubtful(_ index: Int32, _ event: BlockEvent) throws -> Bool {
    let request = open[index]
    guard request.remaining == Int64(event.sectors), Self.isComparable(request, to: request),
      let since = Self.start(of: request.row)
    else { return false }
    let earlier =
      doubtful.isEmpty
      ? -1
      : open.first(at: request.key, going: request.row.rwbs.direction) {
        $0.isDoubtful && $0.remaining == request.remaining
      }
    guard
      earlier >= 0 || servedAlone.count < Self.fewestAlone
        || (event.time - since) / Self.doubtfulTimesMean > servedAlone.sum / servedAlone.count
    else { return false }
    let latest = open.latestIssued(at: request.key, going: request.row.rwbs.direction) {
      Self.isComparable($0, to: request)
    }
    if latest >= 0, latest != index { return true }
    if earlier >= 0 {
      let all = open.all(at: request.key, going: request.row.rwbs.direction) {
        $0.isDoubtful && $0.remaining == request.remaining
      }
      for one in all { try release(one) }
    }
    return false
  }

  /// Decides when many are listed. Some of them may have been released meanwhile, and others have their place.
  private mutating func settleMany() throws {
    doubtful = doubtful.filter { isListed($0) }
    if doubtful.count > Self.mostSuspects / 2 { try settle() }
  }

  private func isListed(_ one: (index: Int32, order: Int64)) -> Bool {
    open[one.index].isDoubtful && open[one.index].order == one.order
  }

  /// Whether a completion of one request could as well be that of the other, which has the same first sector.
  private static func isComparable(_ one: OpenRequest, to other: OpenRequest) -> Bool {
    one.phase == other.phase && one.remaining == other.remaining && !one.isSequenced
      && one.row.traits.isDisjoint(with: [.partial, .acrossStep])
  }

  /// The blocks of a request in flight, and which way it goes.
  private struct Blocks: Hashable {
    let sector: Int64
    let sectors: Int64
    let direction: RWBS

    init(_ request: OpenRequest) {
      sector = request.key
      sectors = request.remaining
      direction = request.row.rwbs.direction
    }
  }

  /// The fields of a request that its completion sets.
  private struct Completion {
    let time: Stamp
    let cpu: Int32
    let error: Int32
  }

  private mutating func settleDoubtful() throws {
    guard !doubtful.isEmpty else { return }
    var places: [Blocks: Int] = [:]
    var groups: [[Int32]] = []
    for one in doubtful where isListed(one) {
      let index = one.index
      let blocks = Blocks(open[index])
      if let place = places[blocks] {
        groups[place].append(index)
      } else {
        places[blocks] = groups.count
        groups.append([index])
      }
    }
    doubtful.removeAll()
    for group in groups { try settle(group) }
  }

  /// Decides on the late requests of some blocks. If all of these blocks came back, each has its own completion. If some
  /// are still out, a completion is missing, and since then each request has taken that of the next:
  ///
  ///     10.000 D W 64 + 8
  ///     10.100 D W 64 + 8
  ///     10.101 C W 64 + 8
  ///
  /// Then each completion goes to the first request for which it is not late; if it is late for all, to the last.
  private mutating func settle(_ late: [Int32]) throws {
    var one = open[late[0]]
    one.phase = one.row.issued.isSeen ? .issued : .queued
    let out = open.all(at: one.key, going: one.row.rwbs.direction) {
      Self.isComparable($0, to: one)
    }
    let requests = (late + out).map { (index: $0, since: Self.start(of: open[$0].row) ?? .max) }
      .sorted { ($0.since, open[$0.index].order) < ($1.since, open[$1.index].order) }
    let completions = late.map { open[$0].row }.map {
      Completion(time: $0.completed, cpu: $0.completedCPU, error: $0.error)
    }.sorted { $0.time.rawValue < $1.time.rawValue }
    guard !out.isEmpty, let usual = usualTime(requests.map(\.since), completions) else {
      for index in late { try release(index) }
      return
    }
    let latest = usual * Self.doubtfulTimesMean
    for index in late { takeBack(index, phase: one.phase) }
    var next = 0
    var waiting: [(index: Int32, since: Int64)] = []
    var done: [Int32] = []
    for completion in completions {
      let time = completion.time.rawValue
      while next < requests.count, requests[next].since <= time {
        waiting.append(requests[next])
        next += 1
      }
      guard let last = waiting.indices.last else { continue }
      let place = waiting.firstIndex { time - $0.since <= latest } ?? last
      let index = waiting.remove(at: place).index
      open[index].row.completed = completion.time
      open[index].row.completedCPU = completion.cpu
      open[index].row.error = completion.error
      done.append(index)
    }
    for index in done { try release(index) }
    // What these completions have passed by for so long will get none.
    let end = completions.last?.time.rawValue ?? .min
    for (index, _) in waiting where isOverdue(open[index].row, at: end) {
      open[index].row.traits.insert(.lossy)
      try emit(index, isEnd: true)
    }
  }

  /// How long a request takes, ns: the mean of those that were alone with their blocks; where these are too few, what
  /// half of the completions come behind the last request before them. Nil where there are too few of either.
  private func usualTime(_ issued: [Int64], _ completions: [Completion]) -> Int64? {
    if servedAlone.count >= Self.fewestAlone { return servedAlone.sum / servedAlone.count }
    var next = 0
    let shortest = completions.compactMap { completion -> Int64? in
      let time = completion.time.rawValue
      while next < issued.count, issued[next] <= time { next += 1 }
      return next > 0 ? time - issued[next - 1] : nil
    }.sorted()
    return shortest.count >= Self.fewestAlone ? shortest[shortest.count / 2] : nil
  }

  private mutating func takeBack(_ index: Int32, phase: OpenRequest.Phase) {
    open[index].phase = phase
    open[index].isDoubtful = false
    open[index].row.completed = .unseen
    open[index].row.completedCPU = -1
    open[index].row.error = 0
  }

  private mutating func release(_ index: Int32) throws {
    noteServed(open[index].row)
    try emit(index)
  }

  // MARK: - Completions of requests whose D is missing

  /// Decides on the requests that came back late. Where more requests than these never came back, and they are a good
  /// part of all, the trace lacks completions, and each of these took one of a later request whose `D` it lacks.
  private mutating func settleSuspects() throws {
    guard !suspects.isEmpty else { return }
    var missing: Int64 = 0
    let latest = suspects.map { open[$0].row.completed.rawValue }.max() ?? .min
    for index in open.all()
    where open[index].phase == .issued && isOverdue(open[index].row, at: latest) {
      missing += 1
    }
    let isLacking = missing >= Int64(suspects.count) && missing * Self.shareMissing >= issues
    for index in suspects {
      if isLacking {
        open[index].row.completed = .unseen
        open[index].row.completedCPU = -1
        open[index].row.error = 0
        open[index].row.traits.insert(.lossy)
        output.unpaired += 1
      }
      try emit(index)
    }
    suspects.removeAll()
  }
}
