internal import TraceModel

/// All counters of an object: asked whether it began anew between two readings of one of them.
final class ResetWitness {
  /// A moment of a file.
  private struct Moment: Hashable {
    let source: Int64
    let ordinal: Int64
  }

  /// By what they mean, so that two tools' names of one count are one, and by tool; in the order of file and moment.
  private var counters: [String: [String: [[CounterReading]]]] = [:]
  private var known: [[Moment]: Bool] = [:]

  func add(_ name: String, of tool: String, _ readings: [CounterReading]) {
    counters[name, default: [:]][tool, default: []].append(
      readings.sorted { ($0.source, $0.ordinal) < ($1.source, $1.ordinal) })
  }

  /// Whether most counters that both moments have fell.
  func isReset(_ before: CounterReading, _ after: CounterReading) -> Bool {
    let moments = [before, after].map { Moment(source: $0.source, ordinal: $0.ordinal) }
    if let answer = known[moments] { return answer }
    var evidence = ResetEvidence()
    for tools in counters.values {
      func value(at moment: Moment) -> Int64? {
        tools.values.compactMap { Self.value(of: $0, at: moment) }.max()
      }
      guard let was = value(at: moments[0]), let now = value(at: moments[1]) else { continue }
      evidence.add(was, now)
    }
    let answer = evidence.isReset(inFileOrder: before.isFollowed(by: after))
    if known.count > 1 << 12 { known.removeAll(keepingCapacity: true) }
    known[moments] = answer
    return answer
  }

  /// Whether files without dates cannot be put in an order by what they show: by one counter a file is before
  /// another, by a second one behind it. Between them the object began anew, or they are of two machines.
  private(set) lazy var isOutOfOrder: Bool = {
    var order: [[Int64]: Bool] = [:]
    for readings in counters.values.flatMap({ $0.values.joined() }) {
      let spans = Dictionary(grouping: readings.lazy.filter { $0.wall == nil }, by: \.source)
        .mapValues { own in
          (least: own.map(\.value).min() ?? 0, most: own.map(\.value).max() ?? 0)
        }
        .sorted { ($0.value.least, $0.key) < ($1.value.least, $1.key) }
      for (place, before) in spans.enumerated() {
        for after in spans[(place + 1)...] where before.value.most < after.value.least {
          let pair = [min(before.key, after.key), max(before.key, after.key)]
          let isInOrder = before.key == pair[0]
          if order[pair] == !isInOrder { return true }
          order[pair] = isInOrder
        }
      }
    }
    return false
  }()

  /// The sum of the parts that the moment shows; nil where it shows none.
  private static func value(of parts: [[CounterReading]], at moment: Moment) -> Int64? {
    var sum: Int64?
    for readings in parts {
      let place = readings.partitioningIndex {
        ($0.source, $0.ordinal) >= (moment.source, moment.ordinal)
      }
      guard place < readings.count, readings[place].source == moment.source,
        readings[place].ordinal == moment.ordinal
      else { continue }
      var value = sum ?? 0
      value.add(saturating: max(0, readings[place].value))
      sum = value
    }
    return sum
  }
}
