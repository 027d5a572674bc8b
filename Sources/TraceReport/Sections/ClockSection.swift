internal import TraceModel
internal import TraceStore

/// How the guests' clocks were laid onto the host's, and how sure that is.
struct ClockSection: ReportSection {
  func blocks(_ file: IncidentFile, _ request: ReportRequest) throws -> [Block] {
    let clocks = try file.clocks().filter {
      request.filter.guest == nil || $0.machine == request.filter.guest
    }
    guard !clocks.isEmpty else { return [] }
    return [
      .heading("Clocks"),
      .paragraph(
        "Found from the traces alone: no request reaches the host before the guest issued it, none "
          + "ends in the guest before the host completed it. The bound is proven as long as a clock "
          + "runs evenly; a step smaller than about twice the bound cannot be seen."),
      .facts(
        clocks.map { clock in
          let drift = Quantity.decimal(clock.driftPPM, digits: 1)
          let sign = clock.offset < 0 ? "-" : "+"
          var text =
            "time of \(Printable.text(clock.reference)) = own \(sign) "
            + "\(Quantity.decimal(abs(clock.offset) / 1e9, digits: 6)) s, drift \(drift) ppm, "
            + "within \(Quantity.time(clock.middleError)) in the middle and "
            + "\(Quantity.time(clock.error)) at the ends "
            + "(\(Quantity.seconds(Int64(clock.from))) to \(Quantity.seconds(Int64(clock.to)))); "
            + "\(Quantity.count(Int64(clock.pairs))) requests bind it"
          if clock.removedPairs > 0 {
            text += ", \(clock.removedPairs) taken out as wrong pairs"
          }
          if clock.violations > 0 { text += ", \(clock.violations) contradict it" }
          return Fact(Printable.text(clock.machine), text + ".")
        }),
    ]
  }
}
