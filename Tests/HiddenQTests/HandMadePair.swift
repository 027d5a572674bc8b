import Foundation
import TestSupport
import Testing

/// A guest's and a host's blkparse text, written I/O by I/O with known times, for what no generator has.
struct HandMadePair {
  /// The times of an I/O, in microseconds of the host's clock, and what else its lines say.
  struct IO {
    var queued: Int
    var scheduled = 20
    var toHost = 15
    var hostScheduled = 3
    var device = 90
    var back = 20
    var sectors = 8
    /// The driver had no place at first: D, R, and D when `scheduled` is over.
    var isRequeued = false

    var issued: Int { queued + scheduled }
    var hostQueued: Int { issued + toHost }
    var hostIssued: Int { hostQueued + hostScheduled }
    var hostCompleted: Int { hostIssued + device }
    var completed: Int { hostCompleted + back }
  }

  /// A request that the host makes for somebody else.
  struct Foreign {
    var queued: Int
    var device = 90
    var sectors = 256
  }

  var ios: [IO]
  var foreign: [Foreign] = []
  /// How many events of the guest's trace were lost before its last one.
  var lost = 0
  /// The guest's device; 253 is given to virtio-blk as it boots.
  var guestDevice = "253,0"

  /// Where the guest's disk begins on the host's, and how far its clock is behind, in microseconds.
  private static let offset = 2048
  private static let clock = 1_234_567

  /// A pair of so many I/Os, one each 10 ms, which no clock but the right one fits; `change` may alter each.
  static func every10ms(
    _ count: Int, seed: UInt64, _ change: (inout IO, Int) -> Void = { _, _ in }
  ) -> HandMadePair {
    var dice = Dice(seed)
    return HandMadePair(
      ios: (0..<count).map { place in
        var io = IO(queued: 1_000 + 10_000 * place + dice.next(below: 900))
        io.device = 90 + dice.next(below: 60)
        change(&io, place)
        return io
      })
  }

  /// Microseconds as traces print them: `12.000345`.
  static func seconds(_ microseconds: Int) -> String {
    "\(microseconds / 1_000_000).\(String(1_000_000 + microseconds % 1_000_000).dropFirst())"
  }

  /// Ingests the pair; the incident file.
  func ingested(host hostName: String = "host", guest guestName: String = "vm1") throws -> String {
    let folder = try Repository.temporaryFolder()
    let incident = folder.appending(path: "i.db").path
    for (name, option, text) in [
      (hostName, "--host", host), (guestName, "--guest", guest),
    ] {
      let file = folder.appending(path: "\(name).txt")
      try Data(text.utf8).write(to: file)
      let outcome = try Program.run("ingest", "blktrace", incident, file.path, option, name)
      guard outcome.status == 0 else { throw Failure(words: outcome.errors) }
    }
    return incident
  }

  /// Ingests and correlates the pair; what the rules find, by code.
  func findings() throws -> [String: String] {
    let incident = try ingested()
    let outcome = try Program.run("correlate", incident)
    guard outcome.status == 0 else { throw Failure(words: outcome.errors) }
    return try Self.findings(of: incident)
  }

  /// What the rules find in an incident file, by code; the evidence is run.
  static func findings(of incident: String) throws -> [String: String] {
    let rows = try Program.run("findings", incident, "--format", "json")
    let found = try JSONDecoder().decode([Row].self, from: Data(rows.output.utf8))
    for row in found where row.confidence != "none" { try check(row, incident) }
    return Dictionary(found.map { ($0.code, $0.words) }, uniquingKeysWith: { first, _ in first })
  }

  /// A finding as `findings --format json` prints it.
  private struct Row: Decodable {
    let code: String
    let severity: String
    let sentence: String
    let confidence: String
    let evidence_sql: String

    var words: String { "\(severity): \(sentence)" }
  }

  /// The evidence runs, and returns the numbers of the sentence.
  private static func check(_ row: Row, _ incident: String) throws {
    let outcome = try Program.run("query", incident, row.evidence_sql, "--format", "json")
    #expect(outcome.status == 0, "\(row.code): \(outcome.errors)")
    let rows =
      try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [[String: Any]] ?? []
    let values = rows.flatMap(\.values)
    let missing = SentenceNumbers.unexplained(
      row.sentence, values: values.compactMap { ($0 as? NSNumber)?.doubleValue },
      texts: values.compactMap { $0 as? String })
    #expect(
      missing.isEmpty, "\(row.code): '\(row.sentence)' says \(missing), its evidence does not")
  }

  struct Failure: Error {
    let words: String
  }

  /// Scattered: sectors in a regular order fit at many offsets.
  private var sectors: [Int] {
    var dice = Dice(5)
    return ios.map { _ in 100_000 + 1_000 * dice.next(below: 1_000_000) }
  }

  var guest: String {
    var lines: [(at: Int, text: String)] = []
    for (sector, io) in zip(sectors, ios) {
      let what = "W \(sector) + \(io.sectors)"
      func add(_ at: Int, _ action: String, _ who: String = "[fio]", _ pid: Int = 700) {
        lines.append((at - Self.clock, "\(pid) \(action) \(what) \(who)"))
      }
      add(io.queued, "Q")
      add(io.queued + 1, "G")
      add(io.queued + 2, "I")
      if io.isRequeued {
        add(io.queued + 3, "D")
        add(io.queued + 5, "R", "[0]")
      }
      add(io.issued, "D")
      add(io.completed, "C", "[0]", 0)
    }
    return text(lines, device: guestDevice, lost: lost)
  }

  var host: String {
    var lines: [(at: Int, text: String)] = []
    for (sector, io) in zip(sectors, ios) {
      let what = "W \(sector + Self.offset) + \(io.sectors)"
      lines.append((io.hostQueued, "4001 Q \(what) [IO iothread0]"))
      lines.append((io.hostQueued + 1, "4001 G \(what) [IO iothread0]"))
      lines.append((io.hostQueued + 2, "4001 I \(what) [IO iothread0]"))
      lines.append((io.hostIssued, "4001 D \(what) [IO iothread0]"))
      lines.append((io.hostCompleted, "0 C \(what) [0]"))
    }
    for (place, request) in foreign.enumerated() {
      let what = "R \(2_000_000_000 + 1_000 * place) + \(request.sectors)"
      lines.append((request.queued, "900 Q \(what) [rsync]"))
      lines.append((request.queued + 1, "900 G \(what) [rsync]"))
      lines.append((request.queued + 2, "900 D \(what) [rsync]"))
      lines.append((request.queued + 2 + request.device, "0 C \(what) [0]"))
    }
    return text(lines, device: "259,0")
  }

  /// `259,0    1       17     0.000012000  4001  Q   W 102048 + 8 [IO iothread0]`
  private func text(
    _ lines: [(at: Int, text: String)], device: String, lost: Int = 0
  ) -> String {
    let start = lines.map(\.at).min() ?? 0
    return lines.sorted { $0.at < $1.at }.enumerated().map { number, line in
      // The kernel numbers what it could not store, too.
      let sequence = number + 1 + (number + 1 == lines.count ? lost : 0)
      return "\(device) 1 \(sequence) \(Self.seconds(line.at - start))000 \(line.text)\n"
    }.joined()
  }
}

/// The same numbers in every run.
struct Dice {
  private var state: UInt64

  init(_ seed: UInt64) { state = seed }

  mutating func next(below limit: Int) -> Int {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Int((state >> 33) % UInt64(limit))
  }
}
