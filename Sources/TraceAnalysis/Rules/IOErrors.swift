internal import TraceModel
internal import TraceStore

extension Finding.Code {
  /// Requests failed.
  static let ioErrors = Finding.Code("IO_ERRORS")
}

/// Requests failed: how many of which operation, with which error, where and when, and whether the other side saw
/// it too.
struct IOErrors: Rule {
  let code = Finding.Code.ioErrors
  let topic = Topic.stages
  let about = Subject.cause(
    Suspect(
      .errors, "failed I/Os", causes: [.device],
      without: "a block trace",
      "SELECT 1 FROM stage"))
  private let severe = Threshold(
    "io-errors-critical", 1, "%",
    "failed requests of an operation, from which on it is critical; failed writes and flushes of a guest always are"
  )
  var thresholds: [Threshold] { [severe] }

  /// Devices that are reported; of more, those with most errors.
  private static let mostDevices = 12
  /// Kinds of errors that a sentence names.
  private static let mostKinds = 4
  /// Sectors that a sentence names.
  private static let mostSectors = 3

  func inputs(of finding: Finding) -> Set<Evidence.Kind> {
    finding.guest == nil ? [.hostBlocks] : [.guestBlocks]
  }

  var judgesSelections: Set<Evidence.Kind>? { [.guestBlocks, .hostBlocks] }

  func findings(_ evidence: Evidence) throws -> [Finding] {
    guard try evidence.hasErrors() else { return [] }
    let devices = try evidence.rows(
      """
      SELECT source_id, machine, layer, device, count(*) AS failed FROM request
      WHERE error <> 0 AND completed_ns IS NOT NULL
      GROUP BY source_id, device ORDER BY failed DESC, source_id, device LIMIT \(Self.mostDevices)
      """)
    return try devices.compactMap { device in
      guard let source = device.integer("source_id"), let machine = device.text("machine"),
        let layer = device.text("layer"), let name = device.text("device")
      else { return nil }
      let time = try evidence.condition(ofTrace: source)
      let sql = Self.sql(source, name, time("completed_ns"))
      let kinds = try evidence.rows(sql)
      guard !kinds.isEmpty else { return nil }
      let other = try evidence.rows(
        Self.otherSide(source, name, isGuest: layer == "guest") { time("\($0).completed_ns") }
      ).first
      var found = try finding(
        evidence, machine, isGuest: layer == "guest", name, kinds, sql, OtherSide(other)
      ) { try evidence.moment($0, ofTrace: source) }
      found.extent = try evidence.extent(
        ofTrace: source, from: kinds.compactMap { $0.integer("first_ns") }.min(),
        to: kinds.compactMap { $0.integer("last_ns") }.max()
      ).at([Finding.Extent.place(machine, name)])
      return found
    }
  }

  // MARK: - What failed

  /// The kinds of errors of a device in one trace, the most frequent first.
  private static func sql(_ source: Int64, _ device: String, _ time: String) -> String {
    let own = "source_id = \(source) AND device = \(Evidence.literal(device))\(time)"
    return """
      WITH failed AS MATERIALIZED (
        SELECT op, error, sector, completed_ns FROM request
        WHERE \(own) AND error <> 0 AND completed_ns IS NOT NULL),
      finished AS MATERIALIZED (
        SELECT op, count(*) AS requests FROM request
        WHERE \(own) AND completed_ns IS NOT NULL GROUP BY op),
      kind AS (
        SELECT op, error, count(*) AS failed, count(DISTINCT sector) AS different_sectors,
          min(completed_ns) AS first_ns, max(completed_ns) AS last_ns
        FROM failed GROUP BY op, error ORDER BY failed DESC, op, error LIMIT \(mostKinds))
      SELECT kind.*, requests, 100.0 * failed / requests AS failed_pct,
        (SELECT group_concat(sector, ', ') FROM (
          SELECT sector FROM failed
          WHERE failed.op = kind.op AND failed.error = kind.error AND sector IS NOT NULL
          GROUP BY sector ORDER BY min(completed_ns), sector LIMIT \(mostSectors))) AS sectors
      FROM kind JOIN finished USING (op)
      ORDER BY failed DESC, op, error
      """
  }

  /// What the other side of the failed requests saw. Of a guest's, how the host's request ended; of a host's, whose
  /// I/Os they carried.
  private static func otherSide(
    _ source: Int64, _ device: String, isGuest: Bool, time: (String) -> String
  ) -> String {
    let (own, other) = isGuest ? ("guest_side", "host_side") : ("host_side", "guest_side")
    return """
      SELECT count(DISTINCT \(own).request_id) AS followed,
        count(DISTINCT CASE WHEN \(other).error <> 0 THEN \(own).request_id END) AS failed_there,
        min(io.guest) AS guest, count(DISTINCT io.guest) AS guests
      FROM io JOIN request AS guest_side ON guest_side.request_id = io.request_id
        JOIN request AS host_side ON host_side.request_id = io.host_request_id
      WHERE \(own).source_id = \(source) AND \(own).device = \(Evidence.literal(device))
        AND \(own).error <> 0\(time(own))
      """
  }

  private struct OtherSide {
    let followed: Int64
    let failed: Int64
    let guest: String?

    init(_ row: QueryRow?) {
      followed = row?.integer("followed") ?? 0
      failed = row?.integer("failed_there") ?? 0
      guest = row?.integer("guests") == 1 ? row?.text("guest") : nil
    }
  }

  private func finding(
    _ evidence: Evidence, _ machine: String, isGuest: Bool, _ device: String, _ kinds: [QueryRow],
    _ sql: String, _ other: OtherSide,
    when: (Int64) throws -> String
  ) throws -> Finding {
    let parts = try kinds.compactMap { try Self.words($0, when) }
    var severity = Finding.Severity.info
    for kind in kinds {
      guard let error = kind.integer("error"), !ErrorName.isRefusal(error) else { continue }
      let isLoss = isGuest && ["write", "flush"].contains(kind.text("op"))
      let isMuch = kind.number("failed_pct") ?? 0 >= evidence.value(of: severe)
      severity = max(severity, isLoss || isMuch ? .critical : .warning)
    }
    return Finding(
      code, severity, guest: isGuest ? machine : nil,
      sentence: Printable.text("\(try evidence.disk(device, of: machine)) of \(machine): ")
        + parts.joined(separator: "; ") + ".",
      confidence: .high, because: Self.reason(isGuest: isGuest, other), evidenceSQL: sql,
      nextStep: Self.advice(
        isGuest: isGuest, other, isRefusalOnly: severity == .info))
  }

  /// `3 of 100 writes failed with -5 (EIO), at sectors 2368, 2376, 2384, from 0.040 s to 0.042 s of the trace`.
  private static func words(
    _ kind: QueryRow, _ when: (Int64) throws -> String
  ) rethrows -> String? {
    guard let op = kind.text("op"), let error = kind.integer("error"),
      let failed = kind.integer("failed"), let all = kind.integer("requests"),
      let first = kind.integer("first_ns"), let last = kind.integer("last_ns"),
      let different = kind.integer("different_sectors")
    else { return nil }
    let name = ErrorName.name(error).map { " (\($0))" } ?? ""
    var words =
      "\(Quantity.count(failed)) of \(Quantity.count(all)) \(plural(op, all)) failed with \(error)\(name)"
    if let sectors = kind.text("sectors") {
      words +=
        different > Int64(mostSectors)
        ? ", at \(Quantity.count(different, "sector")), the first \(sectors)"
        : ", at sector\(different == 1 ? "" : "s") \(sectors)"
    }
    let (from, to) = (try when(first), try when(last))
    return words
      + (from == to ? ", at \(from) of the trace" : ", from \(from) to \(to) of the trace")
  }

  private static func plural(_ op: String, _ count: Int64) -> String {
    let name =
      switch op {
      case "flush": count == 1 ? "flush" : "flushe"
      case "other": count == 1 ? "other request" : "other request"
      default: op
      }
    return count == 1 ? name : name + "s"
  }

  private static func reason(isGuest: Bool, _ other: OtherSide) -> String {
    let base = "The completions themselves carry the error."
    guard other.followed > 0 else {
      return isGuest
        ? base + " None of them could be followed to a host, so which layer failed is not known."
        : base
    }
    let followed = "\(Quantity.count(other.followed)) of them"
    guard isGuest else {
      let whose = other.guest.map { "guest \($0)" } ?? "guests"
      return base
        + " \(followed) carried I/Os of \(whose), of which \(Quantity.count(other.failed)) failed there, too."
    }
    return base
      + " \(followed) were followed to the host: there \(Quantity.count(other.failed)) failed, and "
      + "\(Quantity.count(other.followed - other.failed)) succeeded."
  }

  private static func advice(isGuest: Bool, _ other: OtherSide, isRefusalOnly: Bool) -> String {
    if isRefusalOnly {
      return
        "The device does not support the request or had no room at that moment; the kernel does without it or "
        + "tries again. Nothing to do unless an application reports errors."
    }
    guard isGuest else {
      return
        "Read the host's kernel log (dmesg) for the device at that time, and its state: smartctl -x, "
        + "multipath -ll, the storage array."
    }
    if other.failed > 0 {
      return
        "The host's device failed: read the host's kernel log (dmesg) at that time, and smartctl -x or "
        + "multipath -ll. Check the guest's file system afterwards."
    }
    if other.followed > 0 {
      return
        "The host's device completed them, so the error arose above it: read QEMU's log, its werror and rerror "
        + "options, and the free space of the image's file system."
    }
    return
      "Read the guest's kernel log (dmesg) at that time, and check its file system. Ask for the host's block trace "
      + "and kernel log: they tell whether its device or the hypervisor failed."
  }
}

extension Evidence {
  /// Whether any request failed. Of requests that fail alike one row is kept, so this is quick where none did.
  func hasErrors() throws -> Bool {
    try rows("SELECT 1 AS failed FROM block_kind WHERE error <> 0 LIMIT 1").isEmpty == false
  }
}

/// What Linux calls the errors of block requests.
enum ErrorName {
  /// `EIO` for -5; nil for numbers that the block layer does not use.
  static func name(_ error: Int64) -> String? { names[error.magnitude] }

  /// Whether the error means that the device does not know the request (a discard, a flush), or that a request that may not
  /// wait would have to.
  static func isRefusal(_ error: Int64) -> Bool { error.magnitude == 95 || error.magnitude == 11 }

  private static let names: [UInt64: String] = [
    1: "EPERM", 4: "EINTR", 5: "EIO", 6: "ENXIO", 11: "EAGAIN", 12: "ENOMEM", 14: "EFAULT",
    16: "EBUSY",
    19: "ENODEV", 22: "EINVAL", 27: "EFBIG", 28: "ENOSPC", 30: "EROFS", 52: "EBADE", 61: "ENODATA",
    62: "ETIME", 67: "ENOLINK", 71: "EPROTO", 75: "EOVERFLOW", 84: "EILSEQ", 95: "EOPNOTSUPP",
    109: "ETOOMANYREFS", 110: "ETIMEDOUT", 112: "EHOSTDOWN", 113: "EHOSTUNREACH", 116: "ESTALE",
    121: "EREMOTEIO", 123: "ENOMEDIUM", 125: "ECANCELED",
  ]
}
