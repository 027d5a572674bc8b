internal import TraceModel
internal import TraceStore

/// The guests' threads on the host: how long they ran, how long they waited for a CPU, and who was on it.
struct CPUSection: ReportSection {
  static let anchor = Anchor("cpu")

  /// Guests that are shown: those whose threads waited longest.
  private static let mostGuests = 8
  /// Threads of a guest that are shown.
  private static let mostThreads = 10
  /// Culprits that are named for the threads of a role, and the least part that one must have.
  private static let mostCulprits = 6
  private static let leastShare = 0.005
  /// Seconds that are shown.
  private static let mostSeconds = 5

  func blocks(_ file: IncidentFile, _ request: ReportRequest) throws -> [Block] {
    let threads = try file.guestThreads(request.filter)
    let culprits = try file.culprits(request.filter)
    var blocks: [Block] = []
    var waits: [String?: Int64] = [:]
    for thread in threads { waits[thread.guest, default: 0].add(saturating: thread.wait) }
    let guests = waits.sorted { ($1.value, $0.key ?? "") < ($0.value, $1.key ?? "") }.map(\.key)
    for guest in guests.prefix(Self.mostGuests) {
      blocks.append(Self.table(threads.filter { $0.guest == guest }, guest))
      blocks += Self.culprits(culprits.filter { $0.guest == guest }, guest)
    }
    if guests.count > Self.mostGuests {
      blocks.append(
        .paragraph(
          "\(guests.count - Self.mostGuests) more guests waited less: 'hiddenq query --name cpu-waits'."
        ))
    }
    blocks += try Self.avoidable(file, request.filter.guest)
    blocks += try Self.counted(file, request.filter.guest)
    let overlays = try file.overlays(request.filter)
    if !overlays.isEmpty {
      blocks += [.paragraph(Self.overlay), .facts(overlays.map(Self.fact))]
    }
    blocks += try VirtioParts.blocks(file, request.filter)
    blocks += try Self.steal(file, request.filter.guest)
    blocks += try Self.exits(file, request.filter.guest)
    guard !blocks.isEmpty else { return [] }
    return [.heading("Waiting for a CPU of the host")]
      + (threads.isEmpty ? [] : [.paragraph(Self.legend)]) + blocks
  }

  private static let legend =
    "Over the whole scheduler trace; intervals cut off by its ends are left out. "
    + "Each wait is assigned to what ran on that CPU meanwhile: a sibling is a thread of the same guest, "
    + "'throttled' a CPU that was idle although the thread could run."

  private static func title(_ guest: String?) -> String { guest ?? "a guest that no file names" }

  private static func table(_ threads: [GuestThreadRow], _ guest: String?) -> Block {
    let rest = threads.count - mostThreads
    return .table(
      Table(
        caption: Printable.text(title(guest)) + ", threads"
          + (rest > 0 ? " (\(rest) more waited less):" : ":"),
        columns: [
          .text("thread", yielding: .init(least: 20, keepsBeginning: true)), .number("tid"),
          .number("ran"), .number("waited"), .number("of time"), .number("p99"), .number("max"),
          .number("moves"),
        ],
        rows: threads.prefix(mostThreads).map { thread in
          [
            Printable.text(thread.comm), "\(thread.tid)", Quantity.seconds(thread.run),
            Quantity.seconds(thread.wait), Quantity.share(thread.waitShare),
            thread.p99.map(Quantity.time) ?? "", thread.longest.map(Quantity.time) ?? "",
            Quantity.count(thread.migrations),
          ]
        }))
  }

  /// A part of the waits that is told, where another CPU was idle.
  private static let leastAvoidable = 0.05

  /// What another CPU could have taken of the waits, where a file says which CPUs the threads may use. A thread that may use
  /// one alone could not have moved.
  private static func avoidable(_ file: IncidentFile, _ guest: String?) throws -> [Block] {
    let facts = try file.rows(
      """
      SELECT guest, comm, tid, waited_ns, share, idle_cpus FROM avoidable_wait
      WHERE share >= \(leastAvoidable) AND waited_ns >= 1000000 ORDER BY avoidable_ns DESC, tid
      """
    ).filter { guest == nil || $0.text("guest") == guest }.prefix(mostThreads).compactMap {
      row -> Fact? in
      guard let comm = row.text("comm"), let tid = row.integer("tid"),
        let waited = row.integer("waited_ns"), let share = row.number("share"),
        let idle = row.text("idle_cpus")
      else { return nil }
      return Fact(
        Printable.text("\(title(row.text("guest"))), \(comm) (\(tid))"),
        "\(Quantity.share(share)) of its wait of \(Quantity.seconds(waited)) was avoidable: of the CPUs that it may "
          + "use, \(idle) \(idle.contains { $0 == "," || $0 == "-" } ? "were" : "was") idle.")
    }
    return facts.isEmpty ? [] : [.facts(Array(facts))]
  }

  /// Threads of hosts without a scheduler trace, as the kernel counted them.
  private static func counted(_ file: IncidentFile, _ guest: String?) throws -> [Block] {
    let threads = try file.rows(
      """
      SELECT machine, guest, comm, tid, run_ns, wait_ns, span_ns FROM task_wait
      WHERE layer = 'host' AND wait_ns > 0 AND machine NOT IN (SELECT machine FROM thread_wait)
      ORDER BY role IS NULL, wait_ns DESC, machine, tid
      """
    ).filter { guest == nil || $0.text("guest") == nil || $0.text("guest") == guest }
    guard !threads.isEmpty else { return [] }
    let rest = threads.count - mostThreads
    return [
      .table(
        Table(
          caption: "By the kernel's own sums (schedstat)"
            + (rest > 0 ? " (\(rest) more threads waited):" : ":"),
          columns: [
            .text("thread", yielding: .init(least: 20, keepsBeginning: true)), .number("tid"),
            .number("ran"), .number("waited"), .number("in"), .number("of time"),
          ],
          rows: threads.prefix(mostThreads).map { row in
            let (wait, span) = (row.integer("wait_ns") ?? 0, row.integer("span_ns"))
            return [
              Printable.text(row.text("comm") ?? ""), row.integer("tid").map { "\($0)" } ?? "",
              row.integer("run_ns").map(Quantity.seconds) ?? "", Quantity.seconds(wait),
              span.map(Quantity.seconds) ?? "?",
              span.flatMap { $0 > 0 ? Quantity.percent(Double(wait) / Double($0)) : nil } ?? "?",
            ]
          }))
    ]
  }

  private static func culprits(_ all: [CulpritRow], _ guest: String?) -> [Block] {
    var rows: [[String]] = []
    var roles: [ThreadRole] = []
    for row in all where !roles.contains(row.role) { roles.append(row.role) }
    for role in roles {
      let own = all.filter { $0.role == role }
      let shown = own.prefix(mostCulprits).filter { $0.share >= leastShare }
      for (number, row) in shown.enumerated() {
        rows.append([
          number == 0 ? role.plural : "", who(row), row.kind.name, Quantity.seconds(row.wait),
          Quantity.share(row.share),
        ])
      }
      let rest = own.dropFirst(shown.count)
      if !rest.isEmpty {
        rows.append([
          "", "\(rest.count) more", "", Quantity.seconds(rest.saturatingSum(\.wait)),
          Quantity.share(rest.reduce(0) { $0 + $1.share }),
        ])
      }
    }
    guard !rows.isEmpty else { return [] }
    return [
      .table(
        Table(
          caption: Printable.text(title(guest)) + ", who was on the CPU while its threads waited:",
          columns: [
            .text("while waited"), .text("who", yielding: .init(least: 24, keepsBeginning: true)),
            .text("class"), .number("for"), .number("of the wait"),
          ], rows: rows))
    ]
  }

  private static func who(_ row: CulpritRow) -> String {
    guard let name = row.name else { return "(nobody seen)" }
    let threads = row.threads > 1 && name != "(idle CPU)" ? " (\(row.threads) threads)" : ""
    let guest = row.kind == .guest ? " of \(row.ofGuest ?? "another guest")" : ""
    return Printable.text(name + guest) + threads
  }

  // MARK: I/Os

  private static let overlay =
    "Of the virtio halves of the I/Os (H3), the part in which a thread that had to act waited for a CPU: on "
    + "the way in the vCPU that issued and the thread that queued on the host, on the way back that thread "
    + "and the vCPU that took the interrupt."

  private static func fact(_ row: OverlayRow) -> Fact {
    func part(_ wait: Int64, _ whole: Int64) -> String {
      whole > 0 ? " (\(Quantity.share(Double(wait) / Double(whole))))" : ""
    }
    return Fact(
      Printable.text("\(row.guest) \(row.device)"),
      "\(Quantity.ios(Int(clamping: row.count))): in, \(Quantity.seconds(row.submitWait)) of "
        + "\(Quantity.seconds(row.submit))\(part(row.submitWait, row.submit)); back, "
        + "\(Quantity.seconds(row.backWait)) of \(Quantity.seconds(row.back))"
        + "\(part(row.backWait, row.back)).")
  }

  // MARK: KVM

  /// Reasons that are named for a virtual CPU.
  private static let mostReasons = 4

  private static func exits(_ file: IncidentFile, _ guest: String?) throws -> [Block] {
    let facts = try file.rows("SELECT * FROM vcpu_state ORDER BY guest, source_id, vcpu, tid")
      .filter { guest == nil || $0.text("guest") == guest }.compactMap { row -> Fact? in
        guard let tid = row.integer("tid"), let source = row.integer("source_id"),
          let inside = row.integer("guest_ns"), let hypervisor = row.integer("hypervisor_ns"),
          let halted = row.integer("halted_ns"), let span = row.integer("span_ns"), span > 0
        else { return nil }
        func part(_ time: Int64) -> String { Quantity.share(Double(time) / Double(span)) }
        let reasons = try file.rows(
          "SELECT reason, count, total_ns FROM kvm_exit WHERE tid = \(tid) AND source_id = \(source) "
            + "AND is_halt = 0 ORDER BY total_ns DESC, reason LIMIT \(mostReasons)"
        ).compactMap { reason -> String? in
          guard let name = reason.text("reason"), let count = reason.integer("count"),
            let time = reason.integer("total_ns")
          else { return nil }
          return Printable.text("\(name) ")
            + "\(Quantity.count(count)) x, \(Quantity.seconds(time))"
        }
        let number = row.integer("vcpu").map { " vCPU \($0)" } ?? " tid \(tid)"
        return Fact(
          Printable.text((row.text("guest") ?? "?") + number),
          "in the guest \(part(inside)), out of it \(part(hypervisor)), halted \(part(halted)) of "
            + "\(Quantity.seconds(span)); exits: \(reasons.joined(separator: "; ")).")
      }
    guard !facts.isEmpty else { return [] }
    return [
      .paragraph(
        "Where the vCPUs were, by KVM's entries and exits; their waits for a CPU are in the time out of the "
          + "guest and halted:"), .facts(facts),
    ]
  }

  // MARK: Steal

  private static func steal(_ file: IncidentFile, _ guest: String?) throws -> [Block] {
    let sums = try file.rows(
      "SELECT * FROM steal_reconciliation ORDER BY guest, tool"
    ).filter { guest == nil || $0.text("guest") == guest }.compactMap(account)
    let seconds = try file.rows(
      """
      SELECT * FROM steal WHERE at_ns IS NOT NULL AND coalesce(host_measured_pct, guest_reported_pct) > 0
      ORDER BY host_measured_pct IS NULL, coalesce(host_measured_pct, guest_reported_pct) DESC, at_ns,
        guest
      """
    ).filter { guest == nil || $0.text("guest") == guest }
    var blocks: [Block] = []
    if !sums.isEmpty {
      blocks += [
        .paragraph(
          "The guests' own account of stolen time beside the waits of their vCPUs; the host's trace is the "
            + "measurement, a guest's tools show percent of the time that it counted:"),
        .facts(sums),
      ]
    }
    if !seconds.isEmpty {
      blocks.append(
        .table(
          Table(
            caption:
              "The seconds with most of it, percent of the vCPUs' time; the guest's own, of what it "
              + "counted:",
            columns: [
              .text("guest"), .number("second"), .number("host: waited"), .number("guest: st"),
              .number("guest: us+sy"),
            ],
            rows: seconds.prefix(mostSeconds).compactMap(second))))
    }
    return blocks
  }

  private static func second(_ row: QueryRow) -> [String]? {
    guard let guest = row.text("guest"), let at = row.integer("at_ns") else { return nil }
    func percent(_ column: String) -> String {
      row.number(column).map { Quantity.decimal($0, digits: 1) + " %" } ?? "not observed"
    }
    return [
      Printable.text(guest), Quantity.seconds(at), percent("host_measured_pct"),
      percent("guest_reported_pct"), percent("guest_busy_pct"),
    ]
  }

  private static func account(_ row: QueryRow) -> Fact? {
    guard let guest = row.text("guest"), let tool = row.text("tool"),
      let said = row.number("guest_reported_pct"), let measured = row.number("host_measured_pct"),
      let samples = row.integer("samples")
    else { return nil }
    var text = "\(Quantity.decimal(said, digits: 1)) % in \(Quantity.count(samples, "sample"))"
    if let counted = row.number("guest_counted_pct"), let stolen = row.number("guest_stolen_pct") {
      text +=
        "; the guest counted \(Quantity.decimal(counted, digits: 1)) % of the time that passed, so that is "
        + "\(Quantity.decimal(stolen, digits: 1)) % of it"
    }
    text += "; the host measured \(Quantity.decimal(measured, digits: 1)) %"
    if let tolerance = row.number("tolerance_pct"), let from = row.integer("from_ns"),
      let to = row.integer("to_ns")
    {
      text += " from \(Quantity.seconds(from)) to \(Quantity.seconds(to)): "
      switch row.integer("agrees") {
      case 1? where tolerance >= measured:
        text += "too few samples to compare, even 0 would be within"
      case 1?: text += "they agree within"
      case nil:
        text +=
          "the guest may have counted less time than passed, which /proc/stat, read twice, would tell; else "
          + "they would agree within"
      default: text += "they differ by more than"
      }
      text += " \(Quantity.decimal(tolerance, digits: 1)) points."
    } else {
      text += ", each over all of its file: no clock ties the two."
    }
    return Fact(Printable.text("\(guest) \(tool)"), text)
  }
}
