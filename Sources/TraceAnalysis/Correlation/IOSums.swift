internal import TraceCorrelation
internal import TraceModel
internal import TraceStore

/// The I/Os of a disk's stretch counted by what became of them, so that rules and reports count without going through them.
struct IOSums {
  private struct Sum {
    var count: Int64 = 0
    var from = Stamp.unseen
    var to = Stamp.unseen
    var requeued: Int64 = 0
    var requeuedTime: Int64 = 0
    var deferred: Int64 = 0
    var deferredTime: Int64 = 0
    var longestDeferred = Stamp.unseen
    var placed: Int64 = 0
    var followed: Int64 = 0
    var submit: (whole: Int64, wait: Int64) = (0, 0)
    var back: (whole: Int64, wait: Int64) = (0, 0)
  }

  /// By operation, grade and reason; the first of the reasons is none.
  private var sums = [Sum](
    repeating: Sum(),
    count: BlockOperation.allCases.count * MatchGrade.allCases.count * (1 + reasons))

  private static let reasons = UnmatchedReason.allCases.count

  init(_ ios: some Sequence<GuestIO>) {
    for io in ios { add(io) }
  }

  private static func place(
    _ operation: BlockOperation, _ grade: MatchGrade, _ reason: UnmatchedReason?
  ) -> Int {
    (operation.rawValue * MatchGrade.allCases.count + grade.rawValue) * (1 + reasons)
      + (reason.map { 1 + $0.rawValue } ?? 0)
  }

  private mutating func add(_ io: GuestIO) {
    let place = Self.place(io.operation, io.grade, io.reason)
    sums[place].count += 1
    let moment = io.reference.isSeen ? io.reference : io.queued
    if let at = moment.nanoseconds {
      sums[place].from = Stamp(min(at, sums[place].from.nanoseconds ?? at))
      sums[place].to = Stamp(max(at, sums[place].to.nanoseconds ?? at))
    }
    if let time = io.requeue.nanoseconds, time > 0 {
      sums[place].requeued += 1
      sums[place].requeuedTime.add(saturating: time)
    }
    if let time = io.deferred.nanoseconds {
      sums[place].deferred += 1
      sums[place].deferredTime.add(saturating: time)
      sums[place].longestDeferred = Stamp(
        max(time, sums[place].longestDeferred.nanoseconds ?? time))
    }
    if io.reference.isSeen { sums[place].placed += 1 }
    if let submit = io.submitCPUWait.nanoseconds, let back = io.returnCPUWait.nanoseconds {
      sums[place].followed += 1
      sums[place].submit.whole.add(saturating: io.times[.virtioSubmit].nanoseconds ?? 0)
      sums[place].submit.wait.add(saturating: submit)
      sums[place].back.whole.add(saturating: io.times[.virtioReturn].nanoseconds ?? 0)
      sums[place].back.wait.add(saturating: back)
    }
  }

  func write(of stream: Int32, to writer: CorrelationWriter) throws {
    for operation in BlockOperation.allCases {
      for grade in MatchGrade.allCases {
        for reason in [nil] + UnmatchedReason.allCases.map(Optional.some) {
          let sum = sums[Self.place(operation, grade, reason)]
          guard sum.count > 0 else { continue }
          try writer.add(
            to: "io_sum",
            [
              "guest_stream_id": .integer(Int64(stream)),
              "op": .integer(Int64(operation.rawValue)),
              "match_grade": .integer(Int64(grade.rawValue)),
              "match_reason": StoredValue(reason.map { Int64($0.rawValue) }),
              "count": .integer(sum.count), "from_ns": StoredValue(sum.from.nanoseconds),
              "to_ns": StoredValue(sum.to.nanoseconds), "requeued": .integer(sum.requeued),
              "requeued_ns": .integer(sum.requeuedTime), "deferred": .integer(sum.deferred),
              "deferred_sum_ns": .integer(sum.deferredTime),
              "deferred_max_ns": StoredValue(sum.longestDeferred.nanoseconds),
              "placed": .integer(sum.placed), "followed": .integer(sum.followed),
              "followed_submit_ns": .integer(sum.submit.whole),
              "followed_submit_wait_ns": .integer(sum.submit.wait),
              "followed_return_ns": .integer(sum.back.whole),
              "followed_return_wait_ns": .integer(sum.back.wait),
            ])
        }
      }
    }
  }
}

/// The I/Os with data of a disk's stretch that took longest, which a report lists without going through the others.
struct LongestIOs {
  private var ios: [(time: Int64, number: Int64)] = []
  /// Shorter ones are not among them.
  private var least = Int64.min
  /// Whether the disk has no Q in its trace: then its I/Os are compared otherwise.
  private var isWithoutQ = false

  private static let most = 100

  /// Of I/Os of which the numbers follow each other from the first.
  init(_ ios: some Sequence<GuestIO>, from first: Int64) {
    var number = first
    for io in ios {
      if let time = io.times[.block].nanoseconds {
        if io.operation != .flush, time > least || self.ios.count < Self.most {
          add(time, number)
        }
      } else if io.times.driver.isSeen {
        isWithoutQ = true
      }
      number += 1
    }
    cut()
  }

  private mutating func add(_ time: Int64, _ number: Int64) {
    ios.append((time, number))
    if ios.count >= 2 * Self.most { cut() }
  }

  private mutating func cut() {
    ios.sort { ($1.time, $0.number) < ($0.time, $1.number) }
    guard ios.count > Self.most else { return }
    ios.removeLast(ios.count - Self.most)
    least = ios.last?.time ?? least
  }

  func write(of stream: Int32, to writer: CorrelationWriter) throws {
    guard !isWithoutQ else { return }
    for io in ios {
      try writer.add(
        to: "longest_io",
        [
          "guest_stream_id": .integer(Int64(stream)), "io_id": .integer(io.number),
          "block_ns": .integer(io.time),
        ])
    }
  }
}
