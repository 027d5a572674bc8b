import TraceIngest
import TraceModel

/// Keeps what a counter format reads, with names instead of numbers.
final class RecordedCounters: IdleSink {
  struct Value: Equatable, CustomStringConvertible {
    var moment: Int
    var object: String
    var counter: String
    var value: Int64
    var description: String { "\(moment) \(object): \(counter) = \(value)" }
  }

  private(set) var moments: [CounterMoment] = []
  private(set) var objects: [CounterObject] = []
  private(set) var counters: [Counter] = []
  private(set) var samples: [CounterSample] = []
  private(set) var vmstat: [VmstatRow] = []

  var values: [Value] {
    samples.map { sample in
      let object = objects[Int(sample.object)]
      return Value(
        moment: Int(sample.moment), object: "\(object.tool) \(object.kind) \(object.name)",
        counter: counters[Int(sample.counter)].name, value: sample.value)
    }
  }

  /// The values of one counter of one object, in order.
  func series(_ object: String, _ counter: String) -> [Int64] {
    values.filter { $0.object == object && $0.counter == counter }.map(\.value)
  }

  /// How many values are of counters of that nature.
  func samples(of nature: CounterNature) -> Int {
    samples.count { counters[Int($0.counter)].nature == nature }
  }

  override func object(_ object: CounterObject) throws -> Int32 {
    objects.append(object)
    return Int32(objects.count - 1)
  }

  override func counter(_ counter: Counter) throws -> Int32 {
    counters.append(counter)
    return Int32(counters.count - 1)
  }

  override func moment(_ moment: CounterMoment) throws -> Int64 {
    moments.append(moment)
    return Int64(moments.count - 1)
  }

  override func receive(_ batch: CounterBatch) throws {
    samples += batch.samples
    vmstat += batch.vmstat
  }

  private(set) var topology = TopologyBatch()
  override func receive(_ batch: TopologyBatch) throws { topology.append(batch) }

}
