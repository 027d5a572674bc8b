import TestSupport
import Testing
import TraceAnalysis
import TraceModel

@testable import TraceStore

/// When findings were so, what they cost, whose consequences they are, and who is named.
struct FindingExtentTests {
  private static let second: Int64 = 1_000_000_000

  private static func find(_ code: String, _ findings: [Finding]) throws -> Finding {
    try #require(
      findings.first { $0.code.rawValue == code && $0.confidence != .none },
      "\(findings.map(\.code.rawValue))")
  }

  // MARK: - Disks

  /// A guest over 20 s. From 10 s on somebody reads beside its disk for 9 of 20 ms, and its I/Os take longer meanwhile.
  private static func disk(isSlower: Bool = true) throws -> SmallIncident {
    var pair = HandMadePair(
      ios: HandMadePair.steady(seconds: 20) { io, _ in
        let since = io.hostIssued - 10_000_000
        if isSlower, since >= 0, since % 20_000 < 9_000 { io.device += 2_000 }
      })
    pair.foreign = (0..<500).map { place in
      HandMadePair.Foreign(queued: 10_000_000 + 20_000 * place, device: 9_000)
    }
    let incident = try SmallIncident()
    try incident.add(pair)
    return incident
  }

  @Test("a neighbour that a phase names has the phase's time, and what it cost, over all I/Os")
  func phase() throws {
    let incident = try Self.disk()
    _ = try incident.findings()
    let found = try Self.find("NOISY_DISK_NEIGHBOUR", incident.file.findings())
    let cause = try #require(
      try incident.file.rows(
        """
        SELECT coalesce(began_ns, phase.from_ns) AS from_ns, phase.to_ns, explains_ns, phase_count
        FROM phase_cause JOIN phase USING (guest, phase) JOIN excess USING (guest, phase)
        WHERE kind = 'disk_neighbour' AND name = 'rsync' AND excess.device IS NULL AND op = 'all' AND hop = 'block'
          AND part IS NULL
        """
      ).first)
    #expect(found.extent.from == cause.integer("from_ns"))
    #expect(abs((found.extent.from ?? 0) - 10 * Self.second) < Self.second / 5)
    #expect(found.extent.to == cause.integer("to_ns"))
    let each = try #require(cause.integer("explains_ns"))
    let ios = try #require(cause.integer("phase_count"))
    #expect(found.extent.explains == each * ios && each > 500_000 && ios > 3_000)
    #expect(found.rank == 1 && found.consequenceOf == nil)
    #expect(
      found.sentence.contains("rsync (pid 900, 50 IOPS, 6.6 MB/s, sectors 2000000000 to 20004992"))
    // The view says the same, by the same names.
    let row = try #require(
      try incident.file.rows("SELECT * FROM finding ORDER BY rank LIMIT 1").first)
    #expect(row.text("code") == "NOISY_DISK_NEIGHBOUR" && row.integer("rank") == 1)
    #expect(row.integer("from_ns") == found.extent.from)
    #expect(row.integer("to_ns") == found.extent.to)
    #expect(row.integer("explains_ns") == found.extent.explains)
  }

  @Test("a neighbour without a phase has the time of its own requests")
  func activity() throws {
    let incident = try Self.disk(isSlower: false)
    _ = try incident.findings()
    #expect(try incident.file.rows("SELECT * FROM phase_cause").isEmpty)
    let found = try Self.find("NOISY_DISK_NEIGHBOUR", incident.file.findings())
    let from = try #require(found.extent.from)
    let to = try #require(found.extent.to)
    // Its first request is queued 10 s after the first of all, its last ends 9.989 s later.
    #expect(abs(from - 10 * Self.second) < 5_000_000 && abs(to - from - 9_989_000_000) < 5_000_000)
    #expect(found.severity == .info)
  }

  @Test("a part of the capture: no phases are asked, and times lie in that part")
  func selection() throws {
    let incident = try Self.disk()
    _ = try incident.findings()
    let window = 12 * Self.second..<15 * Self.second
    let findings = try TraceAnalysis.Findings.find(in: incident.file, window: window)
    let found = try Self.find("NOISY_DISK_NEIGHBOUR", findings)
    #expect((found.extent.from ?? 0) >= window.lowerBound)
    #expect((found.extent.to ?? .max) <= window.upperBound + 10_000_000)
    #expect(findings.compactMap(\.rank) == Array(1...findings.count))
  }

  @Test("a stall has its own time; requests that were held all the while are what it cost at least")
  func stall() throws {
    let incident = try SmallIncident()
    try incident.add(
      HandMadePair(
        ios: HandMadePair.steady(seconds: 3) { io, place in
          if (1_000_000..<1_400_000).contains(io.hostIssued) {
            io.device = 1_400_000 + place - io.hostIssued
          }
        }))
    _ = try incident.findings()
    let found = try Self.find("DEVICE_STALL", incident.file.findings())
    let (from, to) = (try #require(found.extent.from), try #require(found.extent.to))
    #expect((390_000_000...400_000_000).contains(to - from))
    // One request at least waited for all of it.
    #expect(found.extent.explains ?? 0 >= 390_000_000)
  }

  // MARK: - CPUs

  /// The vCPU of a guest runs for 5 of 10 ms, and waits for `wait` ms before that, while another thread has its CPU.
  private static func cpus(
    behind name: String, wait: Int = 4, pair: HandMadePair? = nil
  ) throws -> SmallIncident {
    let stays = (0..<500).flatMap { place -> [SmallIncident.Stay] in
      let at = 10_000 * place
      return [
        SmallIncident.Stay(
          tid: 900, comm: name, cpu: 3, began: at + 5_000 - 1_000 * wait, ran: 1_000 * wait,
          waited: name.hasPrefix("CPU") ? 100 : nil),
        SmallIncident.Stay(
          tid: 501, comm: "CPU 0/KVM", cpu: 3, began: at + 5_000, ran: 4_500,
          waited: 1_000 * wait),
      ]
    }
    let incident = try SmallIncident()
    if let pair {
      try incident.add(pair)
    } else {
      _ = try incident.source(
        "vmstat.txt", of: incident.machine("vm1", .guest), format: "vmstat", clock: "wall")
    }
    try incident.add(stays, of: "host")
    return incident
  }

  @Test(
    "a neighbour on a CPU is named with its pid, its use and its CPUs, and the steal is its consequence"
  )
  func neighbour() throws {
    let incident = try Self.cpus(behind: "hog")
    _ = try incident.findings()
    let findings = try incident.file.findings()
    let neighbour = try Self.find("NOISY_CPU_NEIGHBOUR", findings)
    #expect(
      neighbour.sentence.contains(
        "hog (pid 900; 0.40 CPUs used; on CPU 3) held it for 2.000 s, 40."),
      "\(neighbour.sentence)")
    #expect(neighbour.severity == .critical && neighbour.guest == "vm1")
    let steal = try Self.find("STEAL_HIDDEN", findings)
    #expect(steal.severity == .critical)
    #expect(steal.consequenceOf == neighbour.rank && steal.rank == (neighbour.rank ?? 0) + 1)
    #expect(steal.sentence.contains("held by other processes or guests (100.0 %)"))
    // There throughout: the time of the trace.
    #expect(neighbour.extent.from == 1_000_000 && neighbour.extent.to == 4_999_500_000)
    #expect(
      try incident.file.rows("SELECT cpu FROM thread_cpu WHERE tid = 900")
        .compactMap { $0.integer("cpu") } == [3])
  }

  @Test(
    "a guest whose own threads share a CPU has no neighbour: information, with a sentence of its own"
  )
  func own() throws {
    let incident = try Self.cpus(behind: "CPU 1/KVM")
    _ = try incident.findings()
    let findings = try incident.file.findings()
    let steal = try Self.find("STEAL_HIDDEN", findings)
    #expect(steal.severity == .info && steal.consequenceOf == nil)
    #expect(
      steal.sentence.hasPrefix("Its 2 vCPUs share 1 CPU of the host: the vCPUs waited 2.0"),
      "\(steal.sentence)")
    #expect(steal.nextStep.hasPrefix("No neighbour"))
    #expect(!findings.contains { $0.severity > .info })
  }

  @Test("tools that record the capture are no neighbours, and what they take is no steal")
  func recorder() throws {
    let incident = try Self.cpus(behind: "perf")
    _ = try incident.findings()
    let findings = try incident.file.findings()
    for code in ["STEAL_HIDDEN", "NOISY_CPU_NEIGHBOUR"] {
      let found = try Self.find(code, findings)
      #expect(found.severity == .info && found.consequenceOf == nil, "\(found)")
    }
    #expect(
      try Self.find("STEAL_HIDDEN", findings).sentence.contains("held by recording tools (100.0 %)")
    )
  }

  @Test(
    "a neighbour that hardly costs the guest's I/Os anything is told; where they wait for it, it warns",
    arguments: [false, true])
  func felt(isFelt: Bool) throws {
    let incident = try Self.cpus(
      behind: "hog", wait: 1, pair: HandMadePair(ios: HandMadePair.steady(seconds: 5)))
    _ = try incident.findings()
    // Half of the time from Q to C, or a thousandth of it.
    try incident.alter(
      "UPDATE guest_io SET submit_cpu_wait_ns = block_ns / \(isFelt ? 2 : 1_000), return_cpu_wait_ns = 0"
    )
    let findings = try Findings.find(in: incident.file)
    let neighbour = try Self.find("NOISY_CPU_NEIGHBOUR", findings)
    #expect(neighbour.severity == (isFelt ? .warning : .info), "\(neighbour.sentence)")
    #expect(
      neighbour.sentence.contains(
        isFelt ? ", 50.0 % of their time from Q to C" : ", 0.1 % of their"),
      "\(neighbour.sentence)")
    let steal = try Self.find("STEAL_HIDDEN", findings)
    #expect(steal.severity == (isFelt ? .warning : .info), "\(steal.sentence)")
  }
}
