internal import TraceModel
internal import TraceStore

/// What share of the guest's I/Os was followed through the host, and why the others were not.
struct MatchSection: ReportSection {
  static let anchor = Anchor("joined")

  func blocks(_ file: IncidentFile, _ request: ReportRequest) throws -> [Block] {
    let disks = try file.disks(request.filter)
    guard !disks.isEmpty else { return [] }
    return try [.heading("Guest and host joined"), .facts(disks.map(Self.place))]
      + disks.flatMap { disk in
        var filter = request.filter
        filter.guest = disk.guest
        filter.device = disk.device
        return Self.shares(disk, try file.grades(filter))
          + (try file.absorbed(filter)).compactMap(Self.cached)
      }
  }

  /// How many I/Os of a disk have which grade, and what share of those that can be decided is matched.
  private static func shares(_ disk: DiskRow, _ grades: [GradeCount]) -> [Block] {
    func count(_ entries: [GradeCount]) -> Int { entries.reduce(0) { $0 + $1.count } }
    let data = grades.filter { !$0.isFlush }
    let total = count(data)
    guard total > 0 else { return [] }
    var blocks: [Block] = [
      .table(
        Table(
          caption: Printable.text(
            "\(disk.guest) \(disk.device), I/Os with data: \(Quantity.count(Int64(total)))"),
          columns: [.text("grade"), .text("reason"), .number("I/Os"), .number("share")],
          rows: data.map { entry in
            [
              entry.grade.name, entry.reason?.words ?? "", Quantity.count(Int64(entry.count)),
              Quantity.share(Double(entry.count) / Double(total)),
            ]
          }))
    ]
    guard disk.verdict.isFollowed else { return blocks }
    let inside = data.filter { $0.reason?.isOutside != true }
    let decidable = count(inside)
    if decidable > 0 {
      let matched = count(inside.filter { $0.grade.isCertain })
      let ambiguous = count(inside.filter { $0.grade == .ambiguous })
      let absorbed = count(inside.filter { $0.grade == .absorbed })
      blocks.append(
        .paragraph(
          "Of the \(Quantity.count(Int64(decidable))) that lie wholly inside both traces "
            + "\(Quantity.count(Int64(matched))) are matched for certain "
            + "(\(Quantity.share(Double(matched) / Double(decidable)))), "
            + "\(Quantity.count(Int64(ambiguous))) are ambiguous"
            + (absorbed == 0
              ? "."
              : ", \(Quantity.count(Int64(absorbed))) went no further than the host's memory.")))
    }
    let flushes = grades.filter(\.isFlush)
    if !flushes.isEmpty {
      let matchedFlushes = count(flushes.filter { $0.grade != .unmatched })
      blocks.append(
        .paragraph(
          "Flushes, which have no address and are joined by time alone: "
            + "\(Quantity.count(Int64(matchedFlushes))) of "
            + "\(Quantity.count(Int64(count(flushes))))."))
    }
    return blocks
  }

  /// What the host's page cache had, and when what it took was on the disk.
  private static func cached(_ ios: AbsorbedIOs) -> Block? {
    guard let duration = LatencyStatistics(ios.durations) else { return nil }
    let count = Quantity.count(Int64(ios.durations.count))
    let took = "(D to C in the guest: p50 \(Quantity.time(duration.p50)))"
    guard ios.op == "write" else {
      return .paragraph("The host's page cache served \(count) \(ios.op)s \(took).")
    }
    var text =
      "The host's page cache took \(count) writes \(took): the guest got the answer that they were done "
      + "while the disk did not have them."
    if let deferred = LatencyStatistics(ios.deferred) {
      text +=
        " \(Quantity.count(Int64(deferred.count))) were on the disk later: p50 "
        + "\(Quantity.time(deferred.p50)), at most \(Quantity.time(deferred.max)) after."
    }
    let open = ios.durations.count - ios.deferred.count
    if open > 0 {
      text += " Of \(Quantity.count(Int64(open))) the host's trace does not show it."
    }
    return .paragraph(text)
  }

  private static func place(_ disk: DiskRow) -> Fact {
    let name = Printable.text("\(disk.guest) \(disk.device)")
    guard disk.verdict == .joined else { return Fact(name, why(disk.verdict)) }
    var text = Printable.text("on \(disk.host ?? "?") \(disk.hostDevice ?? "?")")
    if let distance = disk.distance {
      text += ": host sector = guest sector + \(distance)"
    } else {
      text += ", in \(Quantity.count(Int64(disk.extents), "piece"))"
    }
    text += disk.isGiven ? ", from the maps that were given" : ", inferred from the traces"
    if let share = disk.feasibleShare {
      text += "; one clock places \(Quantity.share(share)) of its requests there"
      if let other = disk.runnerUpShare { text += " (next best place \(Quantity.share(other)))" }
    }
    if let accidental = disk.expectedAccidental {
      text += "; matches expected by chance: \(Quantity.decimal(accidental, digits: 2))"
    }
    return Fact(name, text + ".")
  }

  private static func why(_ verdict: JoinVerdict) -> String {
    switch verdict {
    case .joinedWithQEMU:
      "no block trace of its host shows it; its I/Os are followed through QEMU by QEMU's own trace. What lies "
        + "below QEMU is one hop, the backend."
    case .noHost:
      "not joined: there is no block trace of its host. Ask for 'blktrace -d DEVICE -o - | "
        + "blkparse -i -' of the host's disk over the same time."
    case .noRequests: "not joined: no request of it was seen from D to C."
    case .noClock:
      "not joined: its addresses fit a place on the host, but no clock does. Are guest and host "
        + "from the same incident? A clock that steps every few requests is given up, too."
    case .severalPlaces:
      "not joined: several places on a host device fit its requests alike. Too few of them, or too "
        + "regular: record longer, or say where its disk lies ('filefrag -v' of its image, or 'mapping' in "
        + "incident.yaml)."
    case .noPattern:
      "not joined: its requests follow each other or come back to the same blocks, so that their "
        + "addresses do not show where its disk lies on the host. Say so ('filefrag -v' of its "
        + "image, or 'mapping' in incident.yaml), or record while something reads at random."
    case .noHostBios:
      "not joined: the host's trace shows no bio from Q to C, so that it is not known when requests "
        + "left the virtio queue. Record all of queue, issue and complete ('blktrace -a queue -a issue "
        + "-a complete'; for perf block:block_bio_queue, block:block_rq_issue, "
        + "block:block_rq_complete)."
    case .joined, .noMapping:
      "not joined: no place on any host device fits its requests. Are guest and host from the same "
        + "incident and time, and was the right host device traced?"
    }
  }
}
