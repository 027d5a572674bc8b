internal import TraceModel

/// A value of a counter that grows, as a file has it.
public struct CounterReading: Sendable, Equatable {
  /// The file.
  public var source: Int64
  /// The place of the moment in its file.
  public var ordinal: Int64
  /// The wall clock that was written along; nil without dates.
  public var wall: Int64?
  /// The value.
  public var value: Int64

  /// A reading.
  public init(source: Int64, ordinal: Int64, wall: Int64?, value: Int64) {
    self.source = source
    self.ordinal = ordinal
    self.wall = wall
    self.value = value
  }
}

extension CounterReading {
  /// Whether another stands behind it in the same file.
  func isFollowed(by other: CounterReading) -> Bool {
    source == other.source && ordinal < other.ordinal
  }
}

/// What a counter grew by over all files that show it.
public struct CounterGrowth: Sendable, Equatable {
  /// Last minus first, resets bridged.
  public var growth: Int64
  /// Readings that were used.
  public var readings: Int
  /// How often it began again from 0.
  public var resets: Int
  /// The first date; nil without dates.
  public var from: Int64?
  /// The last date; nil without dates.
  public var to: Int64?

  /// The readings of one counter as one series; nil where fewer than two of them can be put in order.
  ///
  /// Readings with dates are ordered by them. Where two files show the same time, only the longer one is
  /// used for it, so that no interval counts twice and loops that ran side by side cannot look like
  /// resets. Files without dates are put in the order of their values: a counter only grows.
  /// `isReset` is asked of two readings of which the second is smaller: whether the object began anew between
  /// them; without it this counter alone decides.
  public init?(
    _ readings: [CounterReading],
    isReset: ((_ before: CounterReading, _ after: CounterReading) -> Bool)? = nil
  ) {
    // A counter is never below zero; a damaged file may say so.
    let readings = readings.filter { $0.value >= 0 }
    let dated = readings.filter { $0.wall != nil }
    let series = dated.count >= 2 ? Self.byDate(dated) : Self.byValue(readings)
    guard series.count >= 2 else { return nil }
    growth = 0
    resets = 0
    self.readings = series.count
    var counter = CounterSeries(series[0].value)
    for (before, after) in zip(series, series.dropFirst()) {
      let step = counter.step(
        to: after.value,
        isReset: after.value < before.value
          && (isReset?(before, after) ?? Self.beganAnew(before, after)))
      growth.add(saturating: step.growth)
      if step.kind == .reset { resets += 1 }
    }
    if dated.count >= 2 {
      from = series.first?.wall
      to = series.last?.wall
    }
  }

  /// All that was counted since the object was made, by the only reading there is; nil where there are more.
  public init?(sinceUp readings: [CounterReading]) {
    let readings = readings.filter { $0.value >= 0 }
    guard readings.count == 1, let only = readings.first else { return nil }
    growth = only.value
    self.readings = 1
    resets = 0
    to = only.wall
  }

  private static func beganAnew(_ before: CounterReading, _ after: CounterReading) -> Bool {
    var evidence = ResetEvidence()
    evidence.add(before.value, after.value)
    return evidence.isReset(inFileOrder: before.isFollowed(by: after))
  }

  /// Readings in the order of their dates, each stretch of time from one file only.
  private static func byDate(_ readings: [CounterReading]) -> [CounterReading] {
    var covered: [ClosedRange<Int64>] = []
    var kept: [CounterReading] = []
    for file in files(readings, { $0.wall ?? 0 }) {
      kept += file.readings.filter { reading in
        !covered.contains { $0.contains(reading.wall ?? 0) }
      }
      covered.append(file.span)
    }
    return kept.sorted { ($0.wall ?? 0, $0.ordinal) < ($1.wall ?? 0, $1.ordinal) }
  }

  /// Readings in the order of their files, and these in the order of their values.
  private static func byValue(_ readings: [CounterReading]) -> [CounterReading] {
    var kept: [(span: ClosedRange<Int64>, readings: [CounterReading])] = []
    for file in files(readings, \.value) {
      let free = file.readings.filter { reading in
        !kept.contains {
          $0.span.lowerBound < reading.value && reading.value < $0.span.upperBound
        }
      }
      kept.append((file.span, free))
    }
    return kept.sorted {
      ($0.span.lowerBound, $0.span.upperBound) < ($1.span.lowerBound, $1.span.upperBound)
    }.flatMap(\.readings)
  }

  /// The readings of each file in its order, the file that spans most first.
  private static func files(
    _ readings: [CounterReading], _ place: (CounterReading) -> Int64
  ) -> [(span: ClosedRange<Int64>, readings: [CounterReading])] {
    Dictionary(grouping: readings, by: \.source).sorted { $0.key < $1.key }.map { _, own in
      let places = own.map(place)
      return (
        span: (places.min() ?? 0)...(places.max() ?? 0),
        readings: own.sorted { $0.ordinal < $1.ordinal }
      )
    }.sorted { left, right in
      let lengths = (length(left.span), length(right.span))
      return lengths.0 != lengths.1
        ? lengths.0 > lengths.1 : left.readings.count > right.readings.count
    }
  }

  /// A counter may have any two values.
  private static func length(_ span: ClosedRange<Int64>) -> UInt64 {
    UInt64(bitPattern: span.upperBound &- span.lowerBound)
  }
}
