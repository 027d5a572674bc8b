internal import TraceModel
internal import TraceStore

/// The mean of H3 of a disk's I/Os in ns: what their threads waited for a CPU of the host meanwhile, and the
/// rest.
struct WaitParts: Sendable {
  let waiting: Double
  let rest: Double

  /// Over the I/Os of which both are known.
  static func sql(guest: String, device: String, _ recording: Recording?) -> String {
    """
    SELECT count(*) AS ios, avg(submit_cpu_wait_ns + return_cpu_wait_ns) AS waiting_ns,
      avg(virtio_queue_ns - submit_cpu_wait_ns - return_cpu_wait_ns) AS rest_ns
    FROM io
    WHERE guest = \(Evidence.literal(guest)) AND device = \(Evidence.literal(device))
      AND op <> 'flush' AND match_grade IN \(Evidence.list(MatchGrade.certain))
      AND \(recording?.condition ?? "1")
    """
  }

  /// Over all recordings of a side; nil where no I/O has both.
  init?(_ recordings: [Recording], guest: String, device: String) throws {
    var (count, waiting, rest) = (0.0, 0.0, 0.0)
    for recording in recordings {
      for row in try recording.file.rows(Self.sql(guest: guest, device: device, recording)) {
        guard let ios = row.number("ios"), let mean = row.number("waiting_ns"),
          let other = row.number("rest_ns")
        else { continue }
        count += ios
        waiting += ios * mean
        rest += ios * other
      }
    }
    guard count > 0 else { return nil }
    self.waiting = waiting / count
    self.rest = rest / count
  }
}

extension ComparisonFindings {
  /// The whole got longer, and no hop is shown to have; or the guest waited less for the host's CPUs, and its
  /// I/Os did not get shorter.
  var notExplained: Finding? { longerWithoutHop ?? fewerWaitsInVain }

  private var longerWithoutHop: Finding? {
    for statistic in [Statistic.mean, .p50, .p99] {
      guard let whole = line(.block, statistic), whole.verdict == .worse,
        let before = whole.before, let after = whole.after,
        !Hop.passed.contains(where: { hop in
          Statistic.allCases.contains { line(hop, $0)?.verdict == .worse }
        })
      else { continue }
      return Finding(
        .notExplained, .warning, guest: load.guest,
        sentence:
          "\(disk) got slower (\(statistic.rawValue) \(time(before)) before, \(time(after)) after), "
          + "and no hop that was observed is shown to be longer.",
        confidence: .low, because: caveat, evidenceSQL: evidence("hop, mean_ns, p50_ns, p99_ns"),
        nextStep: "Record for longer, or the layer below the host: its own hypervisor, its "
          + "storage, its clock frequency.")
    }
    return nil
  }

  /// Steal fell and latency did not. The waits that are gone were part of the I/Os, so something else must
  /// have grown; none of the layers says what.
  private var fewerWaitsInVain: Finding? {
    let relieved = lines.filter(\.isRelief)
    guard !relieved.isEmpty, load.obstacles.isEmpty,
      let whole = line(.block, .mean), let before = whole.before, let after = whole.after,
      after >= before,
      ![Statistic.mean, .p50, .p99].contains(where: { line(.block, $0)?.verdict == .better }),
      !Hop.passed.contains(where: { line($0, .mean)?.verdict == .worse })
    else { return nil }
    let causes = relieved.compactMap { line -> String? in
      guard let first = line.before, let second = line.after else { return nil }
      return [line.subject == "steal" ? "steal" : "waits of \(line.object ?? "its vCPUs")"].joined()
        + " \(Quantity.decimal(first, digits: 1)) to \(Quantity.decimal(second, digits: 1)) "
        + line.unit.rawValue
    }
    var sentence =
      "\(disk): its guest waited less for the host's CPUs (\(causes.joined(separator: ", "))), and its "
      + "I/Os did not get shorter: \(time(before)) on average before, \(time(after)) after."
    if let waits, waits.after.waiting < waits.before.waiting, waits.after.rest > waits.before.rest {
      sentence +=
        " Of H3, the waits for a CPU fell from \(time(waits.before.waiting)) to "
        + "\(time(waits.after.waiting)), and the rest grew from \(time(waits.before.rest)) to "
        + "\(time(waits.after.rest))."
    }
    let longer = Hop.passed.filter { change($0) > 0.1 * (after - before) }
      .sorted { change($0) > change($1) }
    if !longer.isEmpty {
      sentence +=
        " Longer as measured, none of it shown: "
        + longer.map { "\($0.label) by \(time(change($0)))" }.joined(separator: ", ") + "."
    }
    return Finding(
      .notExplained, .warning, guest: load.guest,
      sentence: sentence + " What grew instead is not explained by the layers given.",
      confidence: .low, because: caveat,
      evidenceSQL: waitEvidence,
      nextStep: "Look a layer below the host: CPUs, caches and memory that its CPUs share, its own "
        + "hypervisor, its storage, its clock frequency. The nearest layer is not the cause.")
  }
}

extension ComparisonLine {
  /// Whether it shows that a guest waited less for the host's CPUs.
  var isRelief: Bool {
    verdict == .better
      && [MeasuredSubject.steal, .cpuWait].contains { $0.rawValue == subject }
  }
}
