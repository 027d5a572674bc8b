internal import TraceModel
public import TraceStore

/// The slowest I/Os, each as a bar of its hops.
struct SlowestSection: ReportSection {
  func blocks(_ file: IncidentFile, _ request: ReportRequest) throws -> [Block] {
    let ios = try file.ios(request.filter, slowest: request.slowest)
    guard !ios.isEmpty else { return [] }
    return [
      .heading("The slowest I/Os"),
      .paragraph(
        "2 guest scheduler, f cache flush in it, > virtio in, 4 host scheduler, 5 hardware, "
          + "< virtio back; ? not followed."),
      .waterfalls(ios.map(\.waterfall)),
    ]
  }
}

extension IORow {
  /// The I/O as a bar.
  public var waterfall: Waterfall {
    let address = sector.map { "\($0) + \(sectors)" } ?? "no address"
    let when = reference.map { " at \(Quantity.seconds($0))" } ?? ""
    let title =
      "#\(id) \(guest) \(device) \(op) \(rwbs) \(address) [\(comm)]\(when): "
      + (block.map(Quantity.time) ?? "not observed") + ", \(grade)"
      + (reason.map { " (\($0))" } ?? "")
    var segments: [Waterfall.Segment] = []
    var words: [String] = []
    func add(_ letter: Character, _ name: String, _ nanoseconds: Int64?, _ more: String = "") {
      guard let nanoseconds else { return }
      segments.append(Waterfall.Segment(letter: letter, nanoseconds: nanoseconds))
      words.append("\(name) \(Quantity.time(nanoseconds))\(more)")
    }
    let bound = clockError.map { " +-\(Quantity.time($0))" } ?? ""
    add("1", "H1", pageCache)
    if let guestScheduler, let flush {
      segments.append(
        Waterfall.Segment(letter: "2", nanoseconds: max(0, guestScheduler - flush)))
      segments.append(Waterfall.Segment(letter: "f", nanoseconds: flush))
      words.append("H2 \(Quantity.time(guestScheduler)) (flush \(Quantity.time(flush)))")
    } else {
      add("2", "H2", guestScheduler)
    }
    if let requeue { words.append("(ring full \(Quantity.time(requeue)))") }
    add(">", "in", virtioSubmit, bound)
    add("4", "H4", hostScheduler)
    add("5", "H5", hardwareQueue)
    add("<", "back", virtioReturn, bound)
    if virtioSubmit == nil, let block, let guestScheduler {
      segments.append(Waterfall.Segment(letter: "?", nanoseconds: block - guestScheduler))
      words.append("below the guest \(Quantity.time(block - guestScheduler))")
    }
    return Waterfall(
      title: Printable.text(title), detail: words.joined(separator: ", "), segments: segments)
  }
}
