internal import TraceAnalysis
internal import TraceModel
public import TraceStore

/// The slowest I/Os, each as a bar of its hops.
struct SlowestSection: ReportSection {
  static let anchor = Anchor("slowest")

  func blocks(_ file: IncidentFile, _ request: ReportRequest) throws -> [Block] {
    let ios = try file.ios(request.filter, slowest: request.slowest)
    guard !ios.isEmpty else { return [] }
    return [
      .heading("The slowest I/Os"),
      .paragraph(
        "The time is Q to C; H1, the guest's page cache, comes before it. A name in a bar: who had the CPU that "
          + "the I/O waited for."
          + (ios.contains { !$0.times[.block].isSeen && $0.times.driver.isSeen }
            ? " Q was not traced where it says D to C." : "")),
      .waterfalls(try Waterfall.of(ios, in: file)),
    ]
  }
}

extension Waterfall {
  /// I/Os as bars, with the names of who had the CPU while they waited for one.
  public static func of(_ ios: [IORow], in file: IncidentFile) throws -> [Waterfall] {
    let culprits = try IOCulprits.find(ios, in: file)
    var timelines: [String: Timeline] = [:]
    for guest in Set(ios.map(\.guest)) {
      timelines[guest] = try file.timelines(of: guest).first
    }
    return ios.map { $0.waterfall(culprits[$0.id] ?? IOCulprits(), timelines[$0.guest]) }
  }
}

extension IORow {
  /// Culprits that are named for one way, and the share of the whole I/O from which on they are.
  private static let mostCulprits = 2
  private static let leastCulprit = 0.01

  /// The I/O as a bar.
  func waterfall(_ culprits: IOCulprits, _ timeline: Timeline?) -> Waterfall {
    let address = sector.map { "\($0) + \(sectors)" } ?? "no address"
    let when = reference.map { " at \(timeline.text($0))" } ?? ""
    let whole = times[.block].nanoseconds
    let driver = times.driver.nanoseconds
    let title =
      "#\(id) \(guest) \(device) \(operation.name) \(rwbs) \(address) [\(comm)]\(when): "
      + (whole.map(Quantity.time) ?? driver.map { "D to C \(Quantity.time($0))" } ?? "not observed")
      + ", \(grade.name)"
      + (reason.map { " (\($0.name))" } ?? "")
    let bound = clockError.map { " +-\(Quantity.time($0))" } ?? ""
    var segments: [Waterfall.Segment] = []
    var words: [String] = []
    for hop in Hop.parts {
      guard let time = times[hop].nanoseconds else { continue }
      let name = hop.isHalf ? hop.tableName : hop.code
      switch hop {
      case .virtioSubmit, .virtioReturn:
        let own = (hop == .virtioSubmit ? culprits.submit : culprits.back).filter {
          Double($0.wait) >= Self.leastCulprit * Double(whole ?? driver ?? .max)
        }
        .prefix(Self.mostCulprits)
        let most = own.first.flatMap { part in
          4 * Double(part.wait) >= Double(time)
            ? Waterfall.Segment.Culprit(name: part.printableName, wait: part.wait) : nil
        }
        segments.append(Waterfall.Segment(mark: .hop(hop), nanoseconds: time, culprit: most))
        let who = own.map { "\($0.printableName) \(Quantity.time($0.wait))" }
        words.append(
          "\(name) \(Quantity.time(time))\(bound)"
            + (who.isEmpty ? "" : " (CPU had by \(who.joined(separator: ", ")))"))
      case .guestScheduler:
        segments.append(Waterfall.Segment(mark: .hop(hop), nanoseconds: time - (flush ?? 0)))
        if let flush { segments.append(Waterfall.Segment(mark: .flush, nanoseconds: flush)) }
        words.append(
          "\(name) \(Quantity.time(time))"
            + (flush.map { " (flush \(Quantity.time($0)))" } ?? ""))
        if let requeue { words.append("(ring full \(Quantity.time(requeue)))") }
      default:
        segments.append(Waterfall.Segment(mark: .hop(hop), nanoseconds: time))
        words.append("\(name) \(Quantity.time(time))")
      }
    }
    if let below = times[.belowGuest].nanoseconds {
      segments.append(Waterfall.Segment(mark: .notFollowed, nanoseconds: below))
      words.append("below the guest \(Quantity.time(below))")
    }
    return Waterfall(
      title: Printable.text(title), detail: words.joined(separator: ", "), segments: segments)
  }
}

extension IOCulprits.Part {
  /// Its name, and its guest's where it works for one.
  var printableName: String {
    Printable.text(guest.map { "\($0): \(name)" } ?? name)
  }
}
