internal import TraceAnalysis
internal import TraceModel
internal import TraceStore

/// How far the answer can be trusted, in a line: each part leads to its section. What is not known is not said.
struct TrustSection: ReportSection {
  static let anchor = Anchor("answer")

  func blocks(_ file: IncidentFile, _ request: ReportRequest) throws -> [Block] {
    let remarks = try Self.remarks(file, request.filter)
    return remarks.isEmpty ? [] : [.remarks(remarks)]
  }

  /// The parts, each with its section.
  static func remarks(_ file: IncidentFile, _ filter: IOFilter) throws -> [Remark] {
    try [
      joined(file, filter), clocks(file, filter), onCPU(file, filter), steal(file, filter),
      recorders(file, filter),
    ].compactMap(\.self) + data(file)
  }

  private static func joined(_ file: IncidentFile, _ filter: IOFilter) throws -> Remark? {
    let disks = try file.disks(filter)
    guard disks.contains(where: { $0.verdict.isFollowed }) else {
      return disks.isEmpty ? nil : Remark("no I/O joined with a host", MatchSection.anchor)
    }
    let inside = try file.grades(filter).filter { !$0.isFlush && $0.reason?.isOutside != true }
    let all = inside.reduce(0) { $0 + $1.count }
    let sound = inside.filter { $0.grade.isCertain }.reduce(0) { $0 + $1.count }
    guard all > 0 else { return nil }
    return Remark(
      "joined \(Quantity.count(Int64(sound))) of the \(Quantity.count(Int64(all), "I/O")) that both sides cover",
      MatchSection.anchor)
  }

  private static func clocks(_ file: IncidentFile, _ filter: IOFilter) throws -> Remark? {
    let clocks = try file.clocks().filter {
      ClockSection.isGuests($0) && (filter.guest == nil || $0.machine == filter.guest)
    }
    guard let error = clocks.map(\.middleError).max() else { return nil }
    let against = clocks.reduce(0) { $0 + $1.violations }
    let pairs = clocks.reduce(0) { $0 + $1.pairs }
    return Remark(
      "clocks within \(Quantity.brief(error))"
        + (pairs > 0
          ? ", \(Quantity.count(Int64(against))) of \(Quantity.count(Int64(pairs + against), "request")) contradict that"
          : ""),
      ClockSection.anchor)
  }

  /// From so many on its moments and those of the scheduler trace do not lie as the clocks say.
  private static let mostAlone = 0.05

  /// What a guest did on a virtual CPU while that was on no CPU.
  private static func onCPU(_ file: IncidentFile, _ filter: IOFilter) throws -> Remark? {
    let checks = try file.runChecks(guest: filter.guest)
    let events = checks.reduce(0) { $0 + $1.events }
    guard events > 0 else { return nil }
    let violations = checks.reduce(0) { $0 + $1.violations }
    return Remark(
      "\(Quantity.count(Int64(violations))) of \(Quantity.count(Int64(events))) guest events without a running vCPU"
        + (Double(violations) > Self.mostAlone * Double(events)
          ? ": which vCPU waited is less sure" : ""),
      ClockSection.anchor)
  }

  private static func steal(_ file: IncidentFile, _ filter: IOFilter) throws -> Remark? {
    let row = try file.rows(
      "SELECT * FROM steal_reconciliation ORDER BY tolerance_pct IS NULL, tolerance_pct"
    )
    .first { filter.guest == nil || $0.text("guest") == filter.guest }
    guard let row, let host = row.number("host_measured_pct"),
      let guest = row.number("guest_stolen_pct")
    else { return nil }
    let waits = "CPU waits \(Quantity.percent(host / 100))"
    let counted = Quantity.percent(guest / 100)
    let text =
      row.integer("agrees") != 0
      ? "\(waits), by the guest's own count \(counted)"
      : guest < host
        ? "\(waits), hidden from the guest, which counts \(counted)"
        : "\(waits); the guest counts \(counted), more than the host's trace shows"
    return Remark(text, CPUSection.anchor)
  }

  private static func recorders(_ file: IncidentFile, _ filter: IOFilter) throws -> Remark? {
    try RecorderShare(file, guest: filter.guest).map {
      Remark(
        "recording tools \(Quantity.share($0.share)) of the CPU waits"
          + ($0.ofQueue.map { ", \(Quantity.share($0)) of H3" } ?? "")
          + ($0.ofDevice.map { ", \(Quantity.share($0)) of the device's time" } ?? "")
          + ($0.insideGuest.map { ", \(Quantity.share($0)) of the waits inside the guest" } ?? ""),
        CPUSection.anchor)
    }
  }

  private static func data(_ file: IncidentFile) throws -> [Remark] {
    let sources = try file.sources()
    guard !sources.isEmpty else { return [] }
    let lost = sources.map(\.lostEvents).saturatingSum(\.self)
    let refused = sources.count { $0.isRefused }
    let read = sources.count - refused
    return [
      Remark(
        lost == 0 ? "no event lost" : "\(Quantity.count(lost, "event")) lost", DataSection.anchor),
      Remark(
        "\(Quantity.count(Int64(read))) \(read == 1 ? "file" : "files") read"
          + (refused > 0 ? ", \(Quantity.count(Int64(refused))) not" : ""), DataSection.anchor),
    ]
  }
}
