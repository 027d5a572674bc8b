internal import TraceModel
internal import TraceStore

/// Latencies and waits of which tools kept a distribution: biosnoop, biolatency, runqlat, runqslower, QEMU's histograms.
enum LatencyFacts {
  /// Things of one tool that are shown: those with most of it.
  private static let most = 4

  static func facts(_ file: IncidentFile, without others: Set<String>) throws -> [Fact] {
    let rows = try file.rows(
      """
      SELECT machine, tool, object, counter, max(value) AS value FROM counter_value
      WHERE tool IN ('biosnoop', 'biolatency', 'runqlat', 'runqslower', 'query-blockstats')
        AND nature IN ('total', 'level')
      GROUP BY machine, tool, object, counter ORDER BY machine, tool, object
      """
    ).filter { !others.contains($0.text("machine") ?? "") }
    var things: [Thing] = []
    for row in rows {
      guard let machine = row.text("machine"), let tool = row.text("tool"),
        let object = row.text("object"), let counter = row.text("counter"),
        let value = row.number("value")
      else { continue }
      if things.last?.machine != machine || things.last?.tool != tool
        || things.last?.object != object
      {
        things.append(Thing(machine: machine, tool: tool, object: object))
      }
      things[things.count - 1].values[counter] = value
    }
    var shown: [String: Int] = [:]
    return things.sorted { $0.weight > $1.weight }.compactMap { thing in
      guard let words = thing.words, shown["\(thing.machine) \(thing.tool)", default: 0] < most
      else { return nil }
      shown["\(thing.machine) \(thing.tool)", default: 0] += 1
      let name = [thing.tool, thing.object].filter { !$0.isEmpty }.joined(separator: " ")
      return Fact(Printable.text("\(thing.machine), \(name)"), words + ".")
    }
  }

  /// What one tool says of one thing.
  private struct Thing {
    let machine: String
    let tool: String
    let object: String
    var values: [String: Double] = [:]

    /// How much of it there is.
    var weight: Double {
      values["ios"] ?? values["wait_ns"]
        ?? values.filter { $0.key.contains("_le_") }.values
        .reduce(0, +)
    }

    var words: String? {
      switch tool {
      case "biosnoop":
        guard let ios = values["ios"], let half = values["lat_p50_ns"],
          let tail = values["lat_p99_ns"], let longest = values["lat_max_ns"]
        else { return nil }
        return
          "\(Quantity.ios(Int(ios))) from D to C: half within \(Quantity.time(half)), 99 % within \(Quantity.time(tail)), "
          + "longest \(Quantity.time(longest))"
      case "runqslower":
        guard let waits = values["waits"], let sum = values["wait_ns"],
          let longest = values["longest_wait_ns"]
        else { return nil }
        return
          "\(Quantity.count(Int64(waits))) long waits for a CPU, \(Quantity.time(sum)) together, longest "
          + Quantity.time(longest)
      default: return histograms
      }
    }

    /// Of each histogram the ends of the buckets that hold the half and 99 % of it.
    private var histograms: String? {
      var parts: [String] = []
      let names = Set(
        values.keys.compactMap { key in
          key.firstRange(of: "_le_").map { String(key[..<$0.lowerBound]) }
        })
      for name in names.sorted() {
        let buckets = values.compactMap { key, count -> (end: Double, count: Double)? in
          guard key.hasPrefix(name + "_le_") else { return nil }
          let end = key.dropFirst(name.count + 4).dropLast(3)
          return (Double(end) ?? .infinity, count)
        }.sorted { $0.end < $1.end }
        let all = buckets.reduce(0) { $0 + $1.count }
        guard all > 0 else { continue }
        func end(_ share: Double) -> String {
          var below = 0.0
          var begin = 0.0
          for bucket in buckets {
            below += bucket.count
            if below >= share * all {
              return bucket.end.isFinite
                ? "within \(Quantity.time(bucket.end))" : "above \(Quantity.time(begin))"
            }
            begin = bucket.end
          }
          return "?"
        }
        let what = tool == "runqlat" ? "waits for a CPU" : "I/Os"
        parts.append(
          "\(name == "latency" ? "" : name.split(separator: "_")[0] + ": ")\(Quantity.count(Int64(all))) \(what), half "
            + "\(end(0.5)), 99 % \(end(0.99))")
      }
      return parts.isEmpty ? nil : parts.joined(separator: "; ")
    }
  }
}
