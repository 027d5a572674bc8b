internal import TraceIngest
internal import TraceModel
internal import TraceStore

/// A stretch of time as a person writes it: `8..16`, `09:30:53..09:31:00`, `8..`, `..16`.
struct WrittenSpan {
  /// As it is written.
  let text: String
  /// Nil: from the begin of the traces.
  let from: String?
  /// Nil: to their end.
  let to: String?

  /// Nil where it is none, or says of neither end what can be read as a time.
  init?(_ text: String) {
    guard let border = text.firstRange(of: "..") else { return nil }
    let ends = [text[..<border.lowerBound], text[border.upperBound...]].map { end in
      end.isEmpty ? nil : String(end)
    }
    guard ends.contains(where: { $0 != nil }),
      ends.allSatisfy({ $0.map { GivenTime($0) != nil } ?? true })
    else { return nil }
    (self.text, from, to) = (text, ends[0], ends[1])
  }
}

/// Turns times that a user writes into moments of the timeline of the guests that a command is about.
struct TimeReading {
  private let path: String
  private let timelines: [Timeline]

  private static let second: Int64 = 1_000_000_000
  private static let day: Int64 = 86_400 * second

  /// Of one guest, or of all.
  init(_ file: IncidentFile, guest: String?) throws {
    path = file.path
    timelines = try file.timelines(of: guest)
  }

  /// The one timeline; a failure where the guests have clocks of their own.
  func timeline() throws -> Timeline {
    guard let timeline = timelines.first, timelines.count == 1 else {
      throw CommandFailure(
        message: timelines.isEmpty
          ? "\(path) has no block trace, on whose timeline a part of the capture could be chosen"
          : "the guests of \(path) have clocks of their own, which nothing ties together; choose one with "
            + "--guest")
    }
    return timeline
  }

  /// A moment, ns. `option` is what the text was given for, for the message of the failure.
  func moment(_ text: String, of option: String) throws -> Int64 {
    guard let given = GivenTime(text) else {
      throw CommandFailure(message: "\(option): '\(text)' is no time: write \(GivenTime.forms)")
    }
    switch given {
    case .moment(let moment): return moment
    case .date(let utc): return try wall(text, option).moment(utc)
    case .timeOfDay(let time): return try moment(ofDay: time, text, option)
    }
  }

  /// From a time to another, either of which may be left out. One that does not reach into the capture is a failure where
  /// it was given by the wall clock: it would select nothing.
  func window(from: String?, to: String?) throws -> (from: Int64?, to: Int64?) {
    let first = try from.map { try moment($0, of: "--from") }
    let last = try to.map { try moment($0, of: "--to") }
    if let first, let last, first >= last {
      throw CommandFailure(message: "--from must be before --to")
    }
    for (option, text) in [("--from", from), ("--to", to)] {
      guard let text, case .date? = GivenTime(text), let span = timelines.first?.span else {
        continue
      }
      if first.map({ $0 > span.upperBound }) ?? false || last.map({ $0 < span.lowerBound }) ?? false
      {
        throw try outside(text, option)
      }
    }
    return (first, last)
  }

  /// How far a window may reach beyond the traces, ns: people write whole seconds.
  private static let slack: Int64 = 1_000_000_000

  /// `8..16`, `09:30:53..09:31:00`, `8..`, `..16`. A failure where it is empty or reaches outside of the capture.
  func window(_ text: String, of option: String) throws -> Range<Int64> {
    let timeline = try timeline()
    guard let span = timeline.span else {
      throw CommandFailure(
        message: "\(path) has no events on its timeline", status: Exit.notEnoughData)
    }
    guard let written = WrittenSpan(text) else {
      throw CommandFailure(
        message:
          "\(option) \(text): a window is FROM..TO, such as 8..16 or 09:30:53..09:31:00; a time is written \(GivenTime.forms)"
      )
    }
    // The last moment is in the window, too.
    let from = try written.from.map { try moment($0, of: option) } ?? span.lowerBound
    let to = try written.to.map { try moment($0, of: option) } ?? span.upperBound + 1
    guard from >= span.lowerBound - Self.slack, from <= span.upperBound,
      to <= span.upperBound + 1 + Self.slack
    else {
      throw outside("\(option) \(text)", timeline, span)
    }
    guard from < to else {
      throw CommandFailure(message: "\(option) \(text) is empty: it must begin before it ends")
    }
    return from..<to
  }

  /// That something reaches outside of the capture.
  func outside(
    _ what: String, _ timeline: Timeline, _ span: ClosedRange<Int64>
  ) -> CommandFailure {
    CommandFailure(
      message:
        "\(what) reaches outside of the capture, which lasts from \(timeline.text(span.lowerBound)) to "
        + timeline.text(span.upperBound))
  }

  /// The wall clock by which a text is read.
  private func wall(_ text: String, _ option: String) throws -> WallClock {
    let walls = timelines.compactMap(\.wall)
    guard let wall = walls.first, walls.count == timelines.count else {
      throw CommandFailure(
        message:
          "\(option) \(text): no file of \(path) tells the date of its traces; give seconds of the timeline"
      )
    }
    guard walls.allSatisfy({ $0.distance == wall.distance }) else {
      throw CommandFailure(
        message:
          "\(option) \(text): the guests of \(path) have clocks of their own, which nothing ties together; "
          + "choose one with --guest")
    }
    return wall
  }

  /// The one moment of the capture at which it was so late; the traces may begin within the second that was written.
  private func moment(ofDay time: Int64, _ text: String, _ option: String) throws -> Int64 {
    let wall = try wall(text, option)
    guard let span = timelines.first?.span else { throw try outside(text, option) }
    let slack = Self.second + wall.error
    let (from, to) = (wall.utc(span.lowerBound) - slack, wall.utc(span.upperBound) + slack)
    var utc = from - from % Self.day + time
    while utc < from { utc += Self.day }
    guard utc <= to else { throw try outside(text, option) }
    guard utc + Self.day > to else {
      throw CommandFailure(
        message:
          "\(option) \(text): it was so late more than once during the capture, which lasts \(try extent(text, option)); "
          + "write the date, too, as in 2026-11-22T09:30:53Z")
    }
    return wall.moment(utc)
  }

  private func outside(_ text: String, _ option: String) throws -> CommandFailure {
    CommandFailure(
      message:
        "\(option) \(text) is outside of the capture, which lasts \(try extent(text, option))")
  }

  /// `from 2026-11-22 09:30:47.0 UTC to 2026-11-22 09:31:13.0 UTC`.
  private func extent(_ text: String, _ option: String) throws -> String {
    let wall = try wall(text, option)
    guard let span = timelines.first?.span else { return "no time at all" }
    return
      "from \(UTCText.full(wall.utc(span.lowerBound))) to \(UTCText.full(wall.utc(span.upperBound)))"
  }
}
