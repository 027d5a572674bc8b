internal import TraceAnalysis
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
        "The time is Q to C; H1, the guest's page cache, comes before it. A name in a bar: who had the CPU that "
          + "the I/O waited for."
          + (ios.contains { $0.block == nil && $0.driver != nil }
            ? " Q was not traced where it says D to C." : "")),
      .waterfalls(try Waterfall.of(ios, in: file)),
    ]
  }
}

extension Waterfall {
  /// I/Os as bars, with the names of who had the CPU while they waited for one.
  public static func of(_ ios: [IORow], in file: IncidentFile) throws -> [Waterfall] {
    let culprits = try IOCulprits.find(ios, in: file)
    return ios.map { $0.waterfall(culprits[$0.id] ?? IOCulprits()) }
  }
}

extension IORow {
  /// Culprits that are named for one way, and the share of the whole I/O from which on they are.
  private static let mostCulprits = 2
  private static let leastCulprit = 0.01

  /// The I/O as a bar.
  func waterfall(_ culprits: IOCulprits) -> Waterfall {
    let address = sector.map { "\($0) + \(sectors)" } ?? "no address"
    let when = reference.map { " at \(Quantity.seconds($0))" } ?? ""
    let title =
      "#\(id) \(guest) \(device) \(op) \(rwbs) \(address) [\(comm)]\(when): "
      + (block.map(Quantity.time) ?? driver.map { "D to C \(Quantity.time($0))" } ?? "not observed")
      + ", \(grade)"
      + (reason.map { " (\($0))" } ?? "")
    let bound = clockError.map { " +-\(Quantity.time($0))" } ?? ""
    var segments: [Waterfall.Segment] = []
    var words: [String] = []
    func add(_ letter: Character, _ name: String, _ nanoseconds: Int64?) {
      guard let nanoseconds else { return }
      segments.append(Waterfall.Segment(letter: letter, nanoseconds: nanoseconds))
      words.append("\(name) \(Quantity.time(nanoseconds))")
    }
    func add(
      _ letter: Character, _ name: String, half nanoseconds: Int64?, _ culprits: [IOCulprits.Part]
    ) {
      guard let nanoseconds else { return }
      let named = culprits.filter {
        Double($0.wait) >= Self.leastCulprit * Double(block ?? driver ?? .max)
      }
      .prefix(Self.mostCulprits)
      let most = named.first.flatMap { part in
        4 * Double(part.wait) >= Double(nanoseconds)
          ? Waterfall.Segment.Culprit(name: part.printableName, wait: part.wait) : nil
      }
      segments.append(
        Waterfall.Segment(letter: letter, nanoseconds: nanoseconds, culprit: most))
      let who = named.map { "\($0.printableName) \(Quantity.time($0.wait))" }
      words.append(
        "\(name) \(Quantity.time(nanoseconds))\(bound)"
          + (who.isEmpty ? "" : " (CPU had by \(who.joined(separator: ", ")))"))
    }
    add("1", "H1", pageCache)
    if let guestScheduler, let flush {
      segments.append(
        Waterfall.Segment(letter: "2", nanoseconds: guestScheduler - flush))
      segments.append(Waterfall.Segment(letter: "f", nanoseconds: flush))
      words.append("H2 \(Quantity.time(guestScheduler)) (flush \(Quantity.time(flush)))")
    } else {
      add("2", "H2", guestScheduler)
    }
    if let requeue { words.append("(ring full \(Quantity.time(requeue)))") }
    add(">", "in", half: virtioSubmit, culprits.submit)
    add("4", "H4", hostScheduler)
    add("5", "H5", hardwareQueue)
    add("<", "back", half: virtioReturn, culprits.back)
    let below = block.flatMap { block in guestScheduler.map { block - $0 } } ?? driver
    if virtioSubmit == nil, let below {
      segments.append(Waterfall.Segment(letter: "?", nanoseconds: below))
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
