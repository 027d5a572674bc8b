import Foundation
import TestSupport
import Testing
import TraceModel

@testable import HiddenQTests

/// The real captures beside the checkout, joined from all that tells of their disks and clocks: against what
/// was measured independently when they were made.
@Suite struct WholeCaptureTests {
  private static let traces = Repository.shared?.appending(path: "traces")

  /// Those whose guest did I/O on the disk that both sides traced (`tcg-net` is about packets).
  private static let captures: [String] = {
    guard let traces else { return [] }
    return Repository.folders(in: traces).map(\.lastPathComponent).filter { $0 != "tcg-net" }
  }()

  /// A directory with the files of a capture whose names begin so.
  private static func part(of capture: String, _ names: [String]) throws -> URL {
    let folder = try Repository.temporaryFolder()
    let from = try #require(traces).appending(path: capture)
    for side in ["guest", "host"] {
      let target = folder.appending(path: side)
      try FileManager.default.createDirectory(at: target, withIntermediateDirectories: true)
      let files = try FileManager.default.contentsOfDirectory(
        atPath: from.appending(path: side).path)
      for file in files where names.contains(where: { file.hasPrefix($0) }) {
        try FileManager.default.createSymbolicLink(
          at: target.appending(path: file),
          withDestinationURL: from.appending(path: "\(side)/\(file)"))
      }
    }
    return folder
  }

  /// What tells of block I/O and clocks, and what `more` tells.
  private static func incident(_ capture: String, _ more: [String] = []) throws -> String {
    let blocks = ["blkparse", "blktrace.blktrace", "guest.blktrace", "loop", "clocks-"]
    let folder = try part(of: capture, blocks + more)
    let incident = folder.appending(path: "incident.db").path
    #expect(try Program.run("ingest", incident, folder.path).status == 0)
    #expect(try Program.run("correlate", incident).status == 0)
    return incident
  }

  /// Of the data I/Os of joined disks that lie wholly inside both traces, the share with a sound match.
  private static let share = """
    SELECT avg(match_grade IN ('exact', 'merged', 'split')) FROM io
    WHERE op <> 'flush' AND coalesce(match_reason, '') NOT IN ('before_start', 'after_end')
      AND device IN (SELECT guest_device FROM device_map)
    """

  @Test(
    "every I/O is matched or says why not, hops add up, the clock is where it was measured",
    .needsShared,
    arguments: captures)
  func whole(_ capture: String) throws {
    let incident = try Self.incident(capture)
    func value(_ sql: String) throws -> String { try Program.value(incident, sql) }
    // An image in a file, of which no map is given here, is inferred.
    let least = capture == "tcg-qcow2" ? 0.85 : capture == "tcg-buffered" ? 0.95 : 0.99
    let share = try #require(Double(try value(Self.share)))
    #expect(share >= least, "\(share)")
    #expect(try value("SELECT count(*) FROM io WHERE virtio_queue_ns < 0") == "0")
    #expect(
      try value(
        """
        SELECT count(*) FROM io WHERE virtio_submit_ns IS NOT NULL AND total_ns <>
          coalesce(page_cache_ns, 0) + \(Hop.blockParts.map(\.column).joined(separator: " + "))
        """) == "0")
    #expect(
      try value(
        """
        SELECT count(*) FROM io
        WHERE (match_grade = 'unmatched') <> coalesce(match_reason <> 'absorbed', 0)
        """) == "0")
    // These guests' disks are open with `cache=none`.
    #expect(try value("SELECT count(*) FROM io WHERE match_grade = 'absorbed'") == "0")
    if capture.hasPrefix("kvm") {
      // Ten readings of the guest's clock between two of the host's, before and after.
      #expect(
        try value("SELECT count(*) || ' ' || sum(contradicts) FROM clock_check") == "20 0")
    } else {
      let (low, high) = try Self.measured(capture)
      let found = try value(
        """
        SELECT CAST(clock.offset_ns + host.start_ns - guest.start_ns AS INTEGER) || ' ' || error_ns
        FROM clock JOIN source AS guest USING (source_id)
        JOIN source AS host ON host.layer = 'host' AND host.format = 'blktrace'
        WHERE clock.method LIKE 'matched requests%' AND host.duplicate_of IS NULL
        """
      ).split(separator: " ").compactMap { Int64($0) }
      try #require(found.count == 2)
      #expect(found[0] - found[1] <= high && found[0] + found[1] >= low, "\(found) \(low) \(high)")
    }
  }

  /// What is to be added to the guest's wall clock for that of the host, ns, after the README:
  /// `Clock offset guest-host (best ping-pong, ns): start real -808418743 mono ... (rtt 892848); end real ...`
  private static func measured(_ capture: String) throws -> (low: Int64, high: Int64) {
    let text = try String(
      contentsOf: try #require(traces).appending(path: "\(capture)/README.md"), encoding: .utf8)
    let line = try #require(text.split(separator: "\n").first { $0.contains("Clock offset") })
    let numbers = line.matches(of: /real (-?\d+) mono -?\d+ \(rtt (\d+)\)/).compactMap { match in
      Int64(match.1).flatMap { offset in Int64(match.2).map { (-offset, $0 / 2) } }
    }
    try #require(numbers.count == 2)
    return (numbers.map { $0.0 - $0.1 }.min() ?? 0, numbers.map { $0.0 + $0.1 }.max() ?? 0)
  }

  @Test(
    "readings beside both folders are the host's, agree with the requests and are taken",
    .needsShared,
    arguments: captures.filter { $0.hasPrefix("tcg") } + ["tcg-net"])
  func readings(_ capture: String) throws {
    let blocks = ["blkparse", "guest.blktrace", "loop"]
    let folder = try Self.part(of: capture, blocks)
    try FileManager.default.createSymbolicLink(
      at: folder.appending(path: "clocks.txt"),
      withDestinationURL: try #require(Self.traces).appending(path: "\(capture)/clocks.txt"))
    let incident = folder.appending(path: "incident.db").path
    #expect(try Program.run("ingest", incident, folder.path).status == 0)
    // Nothing of tcg-net's disks can be joined; its clock is by the record alone.
    _ = try Program.run("correlate", incident)
    let isJoined = capture != "tcg-net"
    #expect(
      try Program.value(incident, "SELECT machine FROM source WHERE format = 'clock-readings'")
        == "host")
    #expect(
      try Program.value(
        incident, "SELECT count(*) || ' ' || coalesce(sum(contradicts), 0) FROM clock_check")
        == (isJoined ? "120 0" : "0 0"))
    #expect(
      try Program.value(
        incident,
        "SELECT DISTINCT replace(method, ', ', ' and ') FROM clock WHERE method <> 'reference'")
        == (isJoined ? "matched requests and recorded" : "recorded"))
  }

  @Test("buffered writes show how long their pages had been dirty", .needsShared)
  func pageCache() throws {
    let incident = try Self.incident("tcg-buffered", ["perf-block-script"])
    #expect(
      try Program.value(
        incident, "SELECT count(page_cache_ns) > 400 AND min(page_cache_ns) > 0 FROM io") == "1")
  }

  @Test(
    "an image in a file is matched whole with its maps, and inference never disagrees", .needsShared
  )
  func maps() throws {
    let given = try Self.incident("tcg-qcow2", ["filefrag-v-after", "qemu-img-map-after"])
    #expect(
      try Program.value(given, "SELECT group_concat(DISTINCT origin) FROM device_map") == "given")
    #expect(try Program.value(given, Self.share) == "1.0")
    let inferred = try Self.incident("tcg-qcow2")
    let pairs = """
      SELECT group_concat(io.line || ':' || host.sector, ';') FROM (
        SELECT request.line, io.host_request_id FROM io JOIN request USING (request_id)
        WHERE io.leading = 1 AND io.op <> 'flush' AND io.match_grade IN ('exact', 'merged', 'split')
      ) AS io JOIN request AS host ON host.request_id = io.host_request_id
      """
    func hosts(_ incident: String) throws -> [Substring: Substring] {
      Dictionary(
        try Program.value(incident, pairs).split(separator: ";").map { pair in
          let parts = pair.split(separator: ":")
          return (parts[0], parts[1])
        }, uniquingKeysWith: { first, _ in first })
    }
    let sure = try hosts(given)
    let guessed = try hosts(inferred)
    #expect(guessed.count > sure.count * 8 / 10)
    for (request, sector) in guessed { #expect(sure[request] == sector) }
  }

  @Test(
    "guest and host of different captures are refused, with the reason and without numbers",
    .needsShared,
    arguments: [
      ("kvm-baseline", "kvm-noisy-cpu"), ("kvm-noisy-cpu", "kvm-neighbour-gone"),
      ("kvm-neighbour-moved", "kvm-numa-remote"), ("tcg-noisy-disk", "tcg-buffered"),
      ("tcg-buffered", "tcg-noisy-disk"),
    ])
  func mismatch(_ guest: String, _ host: String) throws {
    let guestFiles = try Self.part(of: guest, ["blkparse"])
    let hostFiles = try Self.part(of: host, ["blkparse"])
    let incident = guestFiles.appending(path: "incident.db").path
    for (folder, side) in [(guestFiles, "guest"), (hostFiles, "host")] {
      let files = try FileManager.default.contentsOfDirectory(
        atPath: folder.appending(path: side).path)
      for file in files {
        #expect(
          try Program.run(
            "ingest", "blktrace", incident, folder.appending(path: "\(side)/\(file)").path,
            "--\(side)", side
          ).status == 0)
      }
    }
    try Self.expectRefusal(incident)
  }

  @Test("so are those of generated incidents", .needsShared, arguments: ["quiet", "noisy-io"])
  func mismatchOfSeeds(_ preset: String) throws {
    let folder = try Repository.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    for seed in [1, 2] {
      try Scenario.make(preset, seed: seed, seconds: 2, in: folder.appending(path: "\(seed)"))
    }
    let incident = folder.appending(path: "incident.db").path
    for (file, machine) in [("1/guest-vm1", "guest"), ("2/host", "host")] {
      #expect(
        try Program.run(
          "ingest", "blktrace", incident, folder.appending(path: "\(file)/blkparse.txt").path,
          "--\(machine)", machine
        ).status == 0)
    }
    try Self.expectRefusal(incident)
  }

  private static func expectRefusal(_ incident: String) throws {
    #expect(try Program.run("correlate", incident).status == 3)
    #expect(
      try Program.value(
        incident,
        """
        SELECT (SELECT count(*) FROM device_map) || ' ' || (SELECT count(*) FROM clock) || ' '
          || (SELECT count(*) FROM io WHERE match_grade <> 'unmatched'
            OR virtio_queue_ns IS NOT NULL OR host_scheduler_ns IS NOT NULL) || ' '
          || (SELECT count(*) FROM hop_summary WHERE hop IN ('virtio_queue', 'hardware_queue'))
        """) == "0 0 0 0")
    let report = try Program.run("report", incident)
    #expect(report.words.contains("Are guest and host from the same incident"))
  }
}
