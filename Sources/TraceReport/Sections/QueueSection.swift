internal import TraceModel
internal import TraceStore

/// How full the queues were, and whether they could be fuller.
struct QueueSection: ReportSection {
  static let anchor = Anchor("queues")

  /// Pictures, and points of each, at most; rows of the table.
  private static let mostFigures = 6
  private static let mostPoints = 120
  private static let mostRows = 24
  /// Rows of a picture's numbers.
  private static let mostNumbers = 30
  /// A queue that never held so many on average of an interval has a line in the table, and no picture.
  private static let leastPictured = 0.5
  /// Nor has one through which so few requests went that they can be counted in the table.
  private static let fewestPictured: Int64 = 10

  func blocks(_ file: IncidentFile, _ request: ReportRequest) throws -> [Block] {
    let filter = request.filter
    let disks = try file.disks(filter)
    // The guest's disk and the device below it.
    let shown = Set(
      disks.flatMap { disk in
        ["\(disk.guest) \(disk.device)"]
          + (disk.host.flatMap { host in disk.hostDevice.map { ["\(host) \($0)"] } } ?? [])
      })
    let points = try file.queueDepths().filter { point in
      (disks.isEmpty || shown.contains("\(point.machine) \(point.device)"))
        && point.at + point.length > filter.from ?? .min && point.at < filter.to ?? .max
    }
    guard !points.isEmpty else { return [] }
    let zero = try Report.timeline(file, filter)?.wall?.utc(0)
    let rows = Self.queues(points).prefix(Self.mostRows)
    return [.heading("Queues"), .table(Self.table(Array(rows)))]
      + rows.filter(Self.isPictured).prefix(Self.mostFigures).map {
        .figure(Self.figure(Self.merged($0), zero: zero))
      }
  }

  private static func isPictured(_ queue: [QueuePoint]) -> Bool {
    queue.contains { $0.mean >= leastPictured }
      && queue.saturatingSum { Int64($0.arrivals) } >= fewestPictured
  }

  /// The points of each queue, in the order in which the queues come.
  private static func queues(_ points: [QueuePoint]) -> [[QueuePoint]] {
    var queues: [[QueuePoint]] = []
    var indexes: [[String]: Int] = [:]
    for point in points {
      let key = [point.machine, point.device, point.hop.name]
      if let index = indexes[key] {
        queues[index].append(point)
      } else {
        indexes[key] = queues.count
        queues.append([point])
      }
    }
    return queues
  }

  /// Neighbouring intervals together, so that there are not too many.
  private static func merged(_ queue: [QueuePoint], most: Int = mostPoints) -> [QueuePoint] {
    let together = (queue.count - 1) / most + 1
    guard together > 1 else { return queue }
    return stride(from: 0, to: queue.count, by: together).map { start in
      let own = queue[start..<min(queue.count, start + together)]
      let length = own.saturatingSum(\.length)
      let held = own.reduce(0.0) { $0 + $1.mean * Double($1.length) }
      return QueuePoint(
        machine: queue[0].machine, device: queue[0].device, hop: queue[0].hop,
        at: queue[start].at, length: length,
        arrivals: Int(own.saturatingSum { Int64($0.arrivals) }),
        mean: held / Double(max(1, length)), greatest: own.map(\.greatest).max() ?? 0,
        limit: queue[0].limit, residual: nil)
    }
  }

  private static func table(_ queues: [[QueuePoint]]) -> Table {
    Table(
      caption:
        "Requests in each queue; unpaired: the part of the depth that no request with both its "
        + "ends accounts for (Little's law; 0 on a whole trace).",
      columns: [
        .text("queue"), .number("entered"), .number("mean"), .number("busiest"), .number("max"),
        .number("limit"), .number("unpaired"),
      ],
      rows: queues.map { queue in
        let length = queue.reduce(0.0) { $0 + Double($1.length) }
        let held = queue.reduce(0.0) { $0 + $1.mean * Double($1.length) }
        let unpaired = queue.reduce(0.0) { $0 + $1.mean * Double($1.length) * ($1.residual ?? 0) }
        return [
          name(queue[0]),
          Quantity.count(queue.saturatingSum { Int64($0.arrivals) }),
          Quantity.decimal(held / length, digits: 2),
          Quantity.decimal(queue.map(\.mean).max() ?? 0, digits: 1),
          Quantity.count(queue.map(\.greatest).max() ?? 0),
          queue[0].limit.map(Quantity.count) ?? "",
          held > 0 ? Quantity.share(unpaired / held) : "",
        ]
      })
  }

  private static func figure(_ queue: [QueuePoint], zero: Int64?) -> Figure {
    func line(_ name: String, _ mark: Mark, _ value: (QueuePoint) -> Double) -> LineChart.Line {
      LineChart.Line(
        name: name, mark: mark, points: queue.map { (Double($0.at) / 1e9, value($0)) })
    }
    return Figure(
      title: "\(name(queue[0])): requests in it",
      reading: "Mean and largest depth per interval of \(Quantity.time(queue[0].length)).",
      drawing: .lines(
        LineChart(
          lines: [
            line("mean", .first) { $0.mean }, line("largest", .second) { Double($0.greatest) },
          ], unit: "requests",
          limit: queue[0].limit.flatMap { limit in
            // Far above all that was there it would only flatten the lines.
            let highest = queue.map(\.greatest).max() ?? 0
            return limit <= 4 * max(1, highest) ? (Double(limit), "limit \(limit)") : nil
          }, zero: zero)),
      numbers: Table(
        caption: "\(name(queue[0])), by interval",
        columns: [
          .number("at"), .number("entered"), .number("mean depth"), .number("largest"),
        ],
        rows: merged(queue, most: mostNumbers).map { point in
          [
            Quantity.seconds(point.at), Quantity.count(Int64(point.arrivals)),
            Quantity.decimal(point.mean, digits: 2), "\(point.greatest)",
          ]
        }), isInText: false)
  }

  private static func name(_ point: QueuePoint) -> String {
    Printable.text("\(point.machine) \(point.device) \(point.hop.queue ?? point.hop.name)")
  }
}
