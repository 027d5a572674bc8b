import Foundation
import TestSupport
import Testing
import TraceAnalysis
import TraceModel
import TraceReport

/// What is reported of ten small incidents, each with one cause, and of their twins without it.
///
/// `Fixtures/golden/NAME.json` holds what `report --format json` says of the incident, and the findings of the twin.
/// They are written anew by `RECORD=1 swift test --filter GoldenReport`; read the difference before it goes in.
struct GoldenReportTests {
  struct Scenario: Sendable, CustomTestStringConvertible {
    let name: String
    /// The finding that names its cause. The twin has none, or only one that asks for a file.
    let code: String
    /// The incident, with the cause or without.
    let make: @Sendable (_ hasCause: Bool) throws -> SmallIncident

    var testDescription: String { name }
  }

  static let scenarios = [
    Scenario(name: "disk-neighbour", code: "NOISY_DISK_NEIGHBOUR") { hasCause in
      try pair(
        HandMadePair(
          ios: HandMadePair.steady(seconds: 2) { io, _ in
            if hasCause, io.queued > 1_000_000 { io.device += 300 }
          },
          foreign: hasCause ? (0..<800).map { .init(queued: 1_000_000 + 1_250 * $0) } : []))
    },
    Scenario(name: "device-stall", code: "DEVICE_STALL") { hasCause in
      // Without the cause a single one of them takes as long.
      try pair(
        HandMadePair(
          ios: HandMadePair.steady(seconds: 2) { io, place in
            if (500_000..<900_000).contains(io.hostIssued), hasCause || place == 300 {
              io.device = 900_000 + place - io.hostIssued
            }
          }))
    },
    Scenario(name: "ring-saturated", code: "RING_SATURATED") { hasCause in
      try pair(
        HandMadePair(
          ios: HandMadePair.steady(seconds: 2) { io, place in
            if place % 20 == 0 { (io.isRequeued, io.scheduled) = (hasCause, 900) }
          }))
    },
    Scenario(name: "double-queueing", code: "DOUBLE_QUEUEING") { hasCause in
      try pair(
        HandMadePair(
          ios: HandMadePair.steady(seconds: 2) { io, place in
            io.scheduled = 8_000 + place % 7 * 100
            io.hostScheduled = (hasCause ? 5_000 : 5) + place % 5 * 100
          }))
    },
    Scenario(name: "lost-events", code: "TRACE_INCOMPLETE") { hasCause in
      var all = HandMadePair.every10ms(200, seed: 14)
      all.lost = hasCause ? 50 : 0
      return try pair(all)
    },
    Scenario(name: "captures-mixed", code: "CAPTURES_MIXED") { hasCause in
      let incident = try pair(.every10ms(200, seed: 15))
      if hasCause {
        let other = HandMadePair.every10ms(200, seed: 16) { io, _ in io.queued += 3_000 }
        try incident.add(
          other.guestRequests, of: incident.machine("vm1", .guest), device: other.guestDevice,
          path: "vm1-again.txt")
      }
      return incident
    },
    Scenario(name: "host-cache", code: "HOST_CACHE_ABSORBS", make: cached),
    Scenario(name: "cpu-neighbour", code: "NOISY_CPU_NEIGHBOUR") { hasCause in
      let incident = try SmallIncident()
      try incident.add(vCPUs(burning: hasCause), of: "kvm1")
      return incident
    },
    Scenario(name: "steal", code: "STEAL_HIDDEN") { hasCause in
      let incident = try SmallIncident()
      let source = try incident.source(
        "vmstat.txt", of: incident.machine("web1", .guest), format: "vmstat", clock: "wall",
        events: 6)
      for sample in 0...5 {
        let stolen = hasCause && sample > 0 ? 20 + 4 * sample : 0
        try incident.add(
          "vmstat_sample",
          [
            "source_id": source, "ordinal": sample, "since_boot": sample == 0 ? 1 : 0,
            "wall_ns": 1_795_336_000_000_000_000 + 1_000_000_000 * sample, "utc_offset_s": 0,
            "line": sample + 3, "r": 4, "us": 30, "sy": 20, "id": 50 - stolen, "wa": 0,
            "st": stolen,
          ])
      }
      return incident
    },
    Scenario(name: "numa-remote", code: "NUMA_REMOTE") { hasCause in
      try PlacementFindingTests.incident(
        runs: hasCause ? [(0, 30), (1, 10)] : [(2, 30), (3, 10)], memory: [4, 196])
    },
    Scenario(name: "net-drop", code: "NET_DROP_BEFORE_WIRE") { hasCause in
      try NetworkFindingTests.incident(lost: hasCause ? 250 : 0)
    },
  ]

  // MARK: Incidents

  private static func pair(_ pair: HandMadePair) throws -> SmallIncident {
    let incident = try SmallIncident()
    try incident.add(pair)
    return incident
  }

  /// A guest's disk on a host, of which it reads seven times and then writes. With the cause the host's page cache
  /// takes what is written, and a thread of its own writes it a quarter of a second later.
  private static func cached(_ hasCause: Bool) throws -> SmallIncident {
    let pair = HandMadePair.every10ms(240, seed: 17)
    let incident = try SmallIncident()
    func copy(
      _ request: HandMadePair.Request, later: Int = 0, task: (Int, String)? = nil, isRead: Bool
    ) -> HandMadePair.Request {
      HandMadePair.Request(
        task: task ?? request.task, queued: request.queued + later,
        inserted: request.inserted.map { $0 + later }, givenBack: nil,
        issued: request.issued + later, completed: request.completed + later,
        sector: request.sector, sectors: request.sectors, isRead: isRead)
    }
    let guest = pair.guestRequests.enumerated().map { copy($1, isRead: $0 % 8 != 7) }
    let host = pair.hostRequests.enumerated().map { place, request in
      hasCause && place % 8 == 7
        ? copy(
          request, later: 250_000 + 731 * place % 9_973, task: (61, "kworker/u8:1"), isRead: false)
        : copy(request, isRead: place % 8 != 7)
    }
    try incident.add(
      host, of: incident.machine("host", .host), device: HandMadePair.hostDevice, path: "host.txt")
    try incident.add(
      guest, of: incident.machine("vm1", .guest), device: pair.guestDevice, path: "vm1.txt")
    return incident
  }

  /// Two virtual CPUs that want 6 of 10 ms; `burn` has their CPUs for the other 4, while they wait or sleep.
  private static func vCPUs(burning: Bool) -> [SmallIncident.Stay] {
    (0..<100).flatMap { cycle -> [SmallIncident.Stay] in
      let at = 10_000_000 + 10_000 * cycle
      return (0...1).map { cpu in
        SmallIncident.Stay(
          tid: 900 + cpu, comm: "burn", cpu: cpu, began: at + cpu, ran: 4_000, waited: 0,
          isPreempted: true)
      }
        + (0...1).map { cpu in
          SmallIncident.Stay(
            tid: 501 + cpu, comm: "CPU \(cpu)/KVM", cpu: cpu, began: at + 4_000 + cpu, ran: 6_000,
            waited: burning ? 4_000 : 0)
        }
    }
  }

  // MARK: Comparing

  private static let folder = Repository.fixtures.appending(path: "golden")

  @Test(
    "the report says what it said before, and of the twin nothing of the cause",
    arguments: scenarios)
  func report(_ scenario: Scenario) throws {
    let (incident, twin) = try (scenario.make(true), scenario.make(false))
    // Every number of a finding is in its evidence.
    let found = try incident.findings()
    #expect(found[scenario.code] != nil, "\(found)")
    for finding in try incident.file.findings() + twin.file.findings() {
      for sentence in Sentences.of(finding.sentence) + Sentences.of(finding.nextStep) {
        #expect(Sentences.words(of: sentence) <= 25, "\(finding.code.rawValue): \(sentence)")
      }
    }
    #expect(try twin.findings()[scenario.code].map { !$0.hasPrefix("info") } != true)
    let document: [String: Any] = [
      "with_the_cause": try Self.comparable(incident.json()),
      "findings_without_it": try #require(Self.comparable(twin.json())["finding"]),
    ]
    let file = Self.folder.appending(path: "\(scenario.name).json")
    if Repository.isRecording {
      try FileManager.default.createDirectory(at: Self.folder, withIntermediateDirectories: true)
      let text = try JSONSerialization.data(
        withJSONObject: document, options: [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes])
      try (text + Data("\n".utf8)).write(to: file)
      Issue.record("recorded \(file.lastPathComponent); run again without RECORD")
      return
    }
    let golden = try JSONSerialization.jsonObject(with: Data(contentsOf: file))
    // Numbers that were recorded went through the same text.
    let now = try JSONSerialization.jsonObject(
      with: JSONSerialization.data(withJSONObject: document))
    if let difference = Self.difference(golden, now, at: "") {
      Issue.record("\(scenario.name): \(difference)")
    }
  }

  @Test(
    "the Markdown report of the incident and of its twin is what it was, and fits a ticket",
    arguments: scenarios)
  func markdown(_ scenario: Scenario) throws {
    let texts = try [true, false].map { hasCause in
      let incident = try scenario.make(hasCause)
      try incident.correlate()
      let text = MarkdownRenderer.ticket(try Report.document(incident.file, ReportRequest()))
      #expect(text.split(separator: "\n", omittingEmptySubsequences: false).count <= 61)
      return text
    }
    let now = texts.joined(separator: "\n---\n\n")
    let file = Self.folder.appending(path: "\(scenario.name).md")
    if Repository.isRecording {
      try Data(now.utf8).write(to: file)
      Issue.record("recorded \(file.lastPathComponent); run again without RECORD")
      return
    }
    let golden = try String(contentsOf: file, encoding: .utf8)
    let lines = zip(golden.components(separatedBy: "\n"), now.components(separatedBy: "\n"))
    for (line, (expected, got)) in lines.enumerated() where expected != got {
      Issue.record("\(file.lastPathComponent):\(line + 1): expected '\(expected)', got '\(got)'")
      return
    }
    #expect(golden.count == now.count)
  }

  @Test("the first path that differs is named, with both values")
  func differences() {
    let golden: [String: Any] = ["a": [["b": 1, "c": "x"], ["b": 2]], "d": NSNull()]
    for (other, words) in [
      (["a": [["b": 1, "c": "x"], ["b": 3]], "d": NSNull()], "a[1].b: expected 2, got 3"),
      (["a": [["b": 1, "c": "y"], ["b": 2]], "d": NSNull()], "a[0].c: expected 'x', got 'y'"),
      (["a": [["b": 1, "c": "x"]], "d": NSNull()], "a[1]: expected an object, got nothing"),
      (["a": [["b": 1, "c": "x"], ["b": 2]]], "d: expected null, got nothing"),
      (["a": [["b": 1, "c": "x"], ["b": 2]], "d": 0], "d: expected null, got 0"),
      (
        ["a": [["b": 1, "c": "x"], ["b": 2]], "d": NSNull(), "e": true],
        "e: expected nothing, got 1"
      ),
    ] as [([String: Any], String)] {
      #expect(Self.difference(golden, other, at: "") == words)
    }
    #expect(Self.difference(golden, golden, at: "") == nil)
  }

  /// A report without what another version has otherwise: its number, the schema's, and how evidence is asked for.
  private static func comparable(_ json: String) throws -> [String: Any] {
    var report = try #require(
      try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])
    report["tool_version"] = nil
    report["incident_schema_version"] = nil
    report["finding"] = (report["finding"] as? [[String: Any]])?.map { finding in
      finding.filter { $0.key != "evidence_sql" }
    }
    report["slowest"] = (report["slowest"] as? [Any])?.prefix(1).map { $0 }
    // Of writes alone they are the same as of all together.
    report["disks"] = (report["disks"] as? [[String: Any]])?.map { disk in
      var disk = disk
      disk["operations"] = (disk["operations"] as? [[String: Any]])?.filter {
        $0["op"] as? String != "all"
      }
      return disk
    }
    return report
  }

  /// Where two documents differ first, as `finding[2].sentence: expected 'a', got 'b'`; nil where they do not.
  private static func difference(_ golden: Any?, _ now: Any?, at path: String) -> String? {
    switch (golden, now) {
    case (let golden as [String: Any], let now as [String: Any]):
      for key in Set(golden.keys).union(now.keys).sorted() {
        let place = path.isEmpty ? key : "\(path).\(key)"
        if let found = difference(golden[key], now[key], at: place) { return found }
      }
      return nil
    case (let golden as [Any], let now as [Any]):
      for index in 0..<max(golden.count, now.count) {
        let found = difference(
          index < golden.count ? golden[index] : nil, index < now.count ? now[index] : nil,
          at: "\(path)[\(index)]")
        if let found { return found }
      }
      return nil
    case (let golden as NSNumber, let now as NSNumber):
      let (a, b) = (golden.doubleValue, now.doubleValue)
      // The last digit may be another where another library adds.
      if abs(a - b) <= 1e-9 * max(abs(a), abs(b)) { return nil }
    case (let golden as String, let now as String):
      if golden == now { return nil }
    case (is NSNull, is NSNull), (nil, nil): return nil
    default: break
    }
    return "\(path): expected \(words(golden)), got \(words(now))"
  }

  private static func words(_ value: Any?) -> String {
    switch value {
    case nil: "nothing"
    case is NSNull: "null"
    case let text as String: "'\(text)'"
    case let number as NSNumber: "\(number)"
    case is [Any]: "a list"
    default: "an object"
    }
  }
}
