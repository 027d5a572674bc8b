import Foundation
import TestSupport
import Testing

/// Phases of machines of which counters alone tell, on `/proc/diskstats` and `/proc/stat` of 40 readings a second apart,
/// written here.
struct CounterPhaseTests {
  private static let start: Int64 = 1_795_963_926
  private static let readings = 40

  /// What a disk does in each second: requests, and ms of each.
  private struct Disk {
    let number: (major: Int, minor: Int)
    let name: String
    let load: (Int) -> (requests: Int, wait: Int)
  }

  private static func text(_ body: (_ second: Int) -> String) -> String {
    (0..<readings).map { "\(start + Int64($0)).000000000\n\(body($0))" }.joined()
  }

  private static func diskstats(_ disks: [Disk]) -> String {
    var sums = disks.map { _ in (requests: 1_000, waited: 5_000) }
    return text { second in
      zip(disks.indices, disks).map { place, disk in
        let load = disk.load(second)
        // From one reading to the next a little more or less.
        let requests = load.requests == 0 ? 0 : load.requests + second % 3
        sums[place].requests += requests
        sums[place].waited += requests * load.wait + second % 2
        let (count, waited) = sums[place]
        return
          "\(disk.number.major) \(disk.number.minor) \(disk.name) 0 0 0 0 \(count) 0 \(8 * count) \(waited) 0 "
          + "\(waited) \(waited) 0 0 0 0 0 0\n"
      }.joined()
    }
  }

  /// Of two CPUs, in hundredths of a second: busy, stolen.
  private static func stat(_ load: (Int) -> (busy: Int, stolen: Int)) -> String {
    var sum = (busy: 100, idle: 100, stolen: 100)
    return text { second in
      let own = load(second)
      sum.busy += own.busy + second % 3
      sum.stolen += own.stolen
      sum.idle += 100 - own.busy - own.stolen - second % 3
      func line(_ name: String, _ cpus: Int) -> String {
        "\(name) \(cpus * sum.busy) 0 0 \(cpus * sum.idle) 0 0 0 \(cpus * sum.stolen) 0 0\n"
      }
      return line("cpu ", 2) + line("cpu0", 1) + line("cpu1", 1)
    }
  }

  private static func phases(_ incident: String) throws -> String {
    try Program.value(
      incident,
      """
      SELECT coalesce(group_concat(coalesce(guest, 'host ' || machine) || ' ' || phase || ' '
        || ((from_ns + 500000000) / 1000000000) || ' ' || is_baseline || ' ' || seen_by || ' ' || confidence, '; '), '')
      FROM (SELECT * FROM phase ORDER BY guest IS NULL, guest, machine, phase)
      """)
  }

  private static func causes(_ incident: String) throws -> String {
    try Program.value(
      incident,
      """
      SELECT coalesce(group_concat(coalesce(guest, 'host') || ' ' || phase || ' ' || kind || ' ' || coalesce(name, '-')
        || ' ' || CAST(round(coalesce(rate_before, 0)) AS INTEGER) || ' ' || CAST(round(coalesce(rate_after, 0)) AS INTEGER)
        || ' ' || confidence, '; '), '')
      FROM (SELECT * FROM phase_cause ORDER BY guest IS NULL, guest, phase, rank)
      """)
  }

  @Test(
    "a neighbour's partition that was asked for more is named, by host and guest counters alone")
  func diskNeighbour() throws {
    func isBusy(_ second: Int) -> Bool { 14..<28 ~= second }
    let guest = Disk(number: (254, 0), name: "vda") { (50, isBusy($0) ? 60 : 3) }
    let own = Disk(number: (8, 1), name: "sda1") { (50, isBusy($0) ? 58 : 2) }
    let other = Disk(number: (8, 2), name: "sda2") { (isBusy($0) ? 300 : 0, 50) }
    let whole = Disk(number: (8, 0), name: "sda") {
      (own.load($0).requests + other.load($0).requests, own.load($0).wait)
    }
    let incident = try Program.incident(of: [
      "guest/diskstats.txt": Self.diskstats([guest]),
      "host/diskstats.txt": Self.diskstats([whole, own, other]),
    ])
    // A reading shows what was before it.
    #expect(
      try Self.phases(incident)
        == "guest 0 0 1 counters low; guest 1 13 0 counters low; guest 2 27 1 counters low; "
        + "host host 0 0 1 counters low; host host 1 13 0 counters low; host host 2 27 1 counters low"
    )
    #expect(
      try Self.causes(incident)
        == "guest 1 disk_neighbour sda2 0 301 low; host 1 disk_neighbour sda2 0 301 low")
    #expect(
      try Program.value(
        incident,
        "SELECT min(zero_unix_ns) || ' ' || max(onset_error_ns) FROM phase WHERE guest = 'guest'")
        == "\(Self.start)000000000 1000000000")
    // No trace shows what an I/O felt.
    #expect(
      try Program.value(
        incident,
        """
        SELECT (SELECT count(*) FROM excess) || ' ' || (SELECT count(*) FROM cleared) || ' '
          || (SELECT count(*) FROM phase_cause WHERE explains_ns IS NOT NULL OR share IS NOT NULL)
        """) == "0 0 0")
    let explained = try Program.run("explain", incident)
    #expect(explained.words.contains("guest: by its counters vda await changed at 13.000 s"))
    #expect(explained.words.contains("disk neighbour sda2 (on the host), 0 -> 301 requests/s"))
    #expect(explained.wideLines.isEmpty)
  }

  @Test(
    "stolen time is somebody's on the host's CPUs, without a name; the host's own counters tell which CPUs"
  )
  func stolen() throws {
    func isBusy(_ second: Int) -> Bool { second >= 20 }
    let incident = try Program.incident(of: [
      "guest/proc-stat.txt": Self.stat { isBusy($0) ? (30, 45) : (30, 2) },
      "host/proc-stat.txt": Self.stat { isBusy($0) ? (95, 0) : (35, 0) },
    ])
    #expect(
      try Self.phases(incident)
        == "guest 0 0 1 counters low; guest 1 19 0 counters low; host host 0 0 1 counters low; "
        + "host host 1 19 0 counters low")
    #expect(
      try Self.causes(incident)
        == "guest 1 cpu_neighbour - 2 45 low; host 1 cpu_neighbour CPU 0 36 96 low; "
        + "host 1 cpu_neighbour CPU 1 36 96 low")
  }

  /// Reports of `iostat -xt 1`, the first since boot.
  private static func iostat(_ disks: [Disk], _ stolen: (Int) -> Int = { _ in 0 }) -> String {
    "Linux 6.1.0 (x) \t11/29/2026 \t_x86_64_\t(2 CPU)\n\n"
      + (0..<readings).map { second in
        let date = Date(timeIntervalSince1970: Double(start + Int64(second)))
        let rows = disks.map { disk in
          let load = disk.load(second)
          let requests = load.requests == 0 ? 0 : load.requests + second % 3
          let reads = "0.00 0.00 0.00 0.00 0.00 0.00"
          return "\(disk.name) \(reads) \(requests).00 \(4 * requests).00 0.00 0.00 "
            + "\(load.wait).\(second % 10) 4.00 1.00 50.00\n"
        }
        return """
          \(date.formatted(.iso8601))
          avg-cpu:  %user   %nice %system %iowait  %steal   %idle
                    10.00    0.00    5.0\(second % 10)    1.00   \(stolen(second)).00   40.00

          Device r/s rkB/s rrqm/s %rrqm r_await rareq-sz w/s wkB/s wrqm/s %wrqm w_await wareq-sz aqu-sz %util
          \(rows.joined())

          """
      }.joined()
  }

  @Test("the same out of iostat's reports, whose means say how long a request took")
  func reports() throws {
    func isBusy(_ second: Int) -> Bool { 14..<28 ~= second }
    let guest = Disk(number: (254, 0), name: "vda") { (50, isBusy($0) ? 60 : 3) }
    let own = Disk(number: (8, 1), name: "sda1") { (50, isBusy($0) ? 58 : 2) }
    let other = Disk(number: (8, 2), name: "sda2") { (isBusy($0) ? 300 : 0, 50) }
    let whole = Disk(number: (8, 0), name: "sda") {
      (own.load($0).requests + other.load($0).requests, own.load($0).wait)
    }
    let incident = try Program.incident(of: [
      "guest/iostat.txt": Self.iostat([guest]),
      "host/iostat.txt": Self.iostat([whole, own, other]),
    ])
    #expect(
      try Self.phases(incident)
        == "guest 0 0 1 counters low; guest 1 13 0 counters low; guest 2 27 1 counters low; "
        + "host host 0 0 1 counters low; host host 1 13 0 counters low; host host 2 27 1 counters low"
    )
    #expect(
      try Self.causes(incident)
        == "guest 1 disk_neighbour sda2 0 301 low; host 1 disk_neighbour sda2 0 301 low")
    // Stored as they were printed.
    #expect(
      try Program.value(
        incident,
        """
        SELECT group_concat(value || ' ' || interval_ns || ' ' || nature || ' ' || unit, '; ')
        FROM (
          SELECT * FROM counter_value WHERE tool = 'iostat' AND object = 'vda' AND counter = 'w_await'
            AND nature = 'mean' ORDER BY wall_ns LIMIT 2)
        """) == "3.1 1000000000 mean ms; 3.2 1000000000 mean ms")
  }

  @Test("stolen time that iostat reports changes as that of /proc/stat")
  func reportedSteal() throws {
    let incident = try Program.incident(of: [
      "guest/iostat.txt": Self.iostat([]) { $0 >= 20 ? 45 : 2 }
    ])
    #expect(
      try Self.phases(incident) == "guest 0 0 1 counters low; guest 1 19 0 counters low")
    #expect(try Self.causes(incident) == "guest 1 cpu_neighbour - 2 45 low")
  }

  @Test("a guest that asks for more is its own cause, whatever its host's disks do")
  func ownLoad() throws {
    func rate(_ second: Int) -> Int { second >= 20 ? 400 : 50 }
    let guest = Disk(number: (254, 0), name: "vda") { (rate($0), $0 >= 20 ? 12 : 3) }
    let host = Disk(number: (8, 0), name: "sda") { (rate($0), $0 >= 20 ? 11 : 2) }
    let incident = try Program.incident(of: [
      "guest/diskstats.txt": Self.diskstats([guest]), "host/diskstats.txt": Self.diskstats([host]),
    ])
    #expect(try Self.causes(incident).hasPrefix("guest 1 own_load - 51 401 low; host 1 "))
  }

  @Test(
    "what lasts for less than three readings, or is small, is no phase, and so is a steady machine")
  func steady() throws {
    for wait in [{ (_: Int) in 3 }, { 20..<22 ~= $0 ? 60 : 3 }, { $0 >= 20 ? 4 : 3 }]
      as [@Sendable (Int) -> Int]
    {
      let disk = Disk(number: (254, 0), name: "vda") { (50, wait($0)) }
      let incident = try Program.incident(of: [
        "guest/diskstats.txt": Self.diskstats([disk]),
        "guest/proc-stat.txt": Self.stat { _ in (30, 5) },
      ])
      #expect(try Self.phases(incident) == "guest 0 0 1 counters low")
      #expect(try Self.causes(incident) == "")
      let explained = try Program.run("explain", incident)
      #expect(explained.words.contains("guest: no change was found"))
    }
  }

  @Test("where readings have no dates, and where there is one, there is no phase")
  func undated() throws {
    let dated = Self.diskstats([Disk(number: (254, 0), name: "vda") { _ in (50, 3) }])
    let undated = dated.split(separator: "\n").filter { !$0.hasSuffix(".000000000") }
    for text in [
      undated.joined(separator: "\n") + "\n",
      dated.split(separator: "\n").prefix(2).joined(separator: "\n") + "\n",
    ] {
      let incident = try Program.incident(of: ["guest/diskstats.txt": text])
      #expect(try Self.phases(incident) == "")
    }
  }
}
