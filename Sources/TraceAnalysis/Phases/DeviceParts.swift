internal import TraceCorrelation
internal import TraceModel

/// Whose the requests on a host's device are, as one guest sees them.
struct DeviceUsers {
  enum User: Hashable {
    /// The guest itself.
    case own
    /// A tool that records.
    case recorder
    /// A thread of the kernel, which may have asked for anybody.
    case kernel
    /// A thread by its name, or a guest.
    case other(String, isGuest: Bool)
  }

  /// Those that carry data and came to an end.
  let rows: BlockRequests
  /// Of each of them the place among ``users``.
  let places: [Int32]
  let users: [User]

  init(_ rows: BlockRequests, _ user: (_ place: Int, BlockRequest) -> User) {
    self.rows = rows
    var users: [User] = []
    var known: [User: Int32] = [:]
    places = rows.enumerated().map { place, row in
      let user = user(place, row)
      if let own = known[user] { return own }
      known[user] = Int32(users.count)
      users.append(user)
      return Int32(users.count - 1)
    }
    self.users = users
  }
}

/// Shares out the time that I/Os waited for and on a device by whose requests it finished meanwhile.
///
/// A device that has requests works on the one of them that it finishes next. That is right for one that does one thing at
/// a time; of one that does several at once it says whose share of its throughput the time was.
struct DeviceParts {
  private struct Request {
    let from: Int64
    let to: Int64
    let column: Int32
  }

  /// For whom the device worked when, one behind the other; of each when that request was finished.
  private var starts: [Int64] = []
  private var ends: [Int64] = []
  private var finishes: [Int64] = []
  private var columns: [Int32] = []

  /// `column` says for which of the parts a user stands.
  init(_ users: DeviceUsers, column: (DeviceUsers.User) -> Int) {
    let own = users.users.map { Int32(column($0)) }
    let requests = users.rows.indices.compactMap { place -> Request? in
      let row = users.rows[place]
      guard let from = row.issued.nanoseconds, let to = row.completed.nanoseconds, to >= from
      else { return nil }
      return Request(from: from, to: to, column: own[Int(users.places[place])])
    }.sorted { ($0.from, $0.to) < ($1.from, $1.to) }
    // Those that the device has, the one that it finishes next last.
    var open: [Request] = []
    var start = Int64.min
    func finish(before moment: Int64) {
      while let next = open.last, next.to <= moment {
        add(next, start, next.to)
        start = next.to
        open.removeLast()
      }
    }
    for request in requests {
      finish(before: request.from)
      if open.isEmpty { start = request.from }
      let place = open.partitioningIndex { $0.to <= request.to }
      if place == open.count {
        if let last = open.last { add(last, start, request.from) }
        start = request.from
      }
      open.insert(request, at: place)
    }
    finish(before: .max)
  }

  private mutating func add(_ request: Request, _ from: Int64, _ to: Int64) {
    guard to > from else { return }
    starts.append(from)
    ends.append(to)
    finishes.append(request.to)
    columns.append(request.column)
  }

  /// What of a wait for the device, and of the time at it, it worked for whom. What is left of the latter is the request's
  /// own.
  func lay(
    waiting: Span, atDevice: Span, _ body: (_ isWaiting: Bool, _ column: Int, _ time: Int64) -> Void
  ) {
    var place = ends.partitioningIndex { $0 > waiting.from }
    while place < ends.count, starts[place] < atDevice.to {
      let (from, to) = (starts[place], ends[place])
      let before = min(to, waiting.to) - max(from, waiting.from)
      if before > 0 { body(true, Int(columns[place]), before) }
      if finishes[place] < atDevice.to {
        let meanwhile = to - max(from, atDevice.from)
        if meanwhile > 0 { body(false, Int(columns[place]), meanwhile) }
      }
      place += 1
    }
  }
}
