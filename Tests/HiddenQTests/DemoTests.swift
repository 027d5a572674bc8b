import Foundation
import TestSupport
import Testing

/// The real capture of the repository, from the two block traces alone.
struct DemoTests {
  private static let incident: String = {
    do {
      let folder = try Repository.temporaryFolder().path
      // By a short path: what the report says of files is as wide as their paths.
      let outcome = try Program.run(
        "analyze", "kvm-noisy-cpu", "-o", folder, in: Repository.fixtures)
      guard outcome.status == 0 else { return "analyze failed: \(outcome.errors)" }
      return folder + "/incident.db"
    } catch {
      return "analyze did not run: \(error)"
    }
  }()

  private func value(_ sql: String) throws -> String { try Program.value(Self.incident, sql) }

  @Test("the hops of every I/O add up to its total exactly, and no virtio hop is below zero")
  func sums() throws {
    #expect(
      try value(
        """
        SELECT count(*) FROM io WHERE virtio_queue_ns IS NOT NULL AND total_ns <>
          coalesce(page_cache_ns, 0) + guest_scheduler_ns + virtio_queue_ns + host_scheduler_ns
          + hardware_queue_ns
        """) == "0")
    #expect(try value("SELECT count(*) > 2000 FROM io WHERE virtio_queue_ns IS NOT NULL") == "1")
    #expect(try value("SELECT count(*) FROM io WHERE virtio_queue_ns < 0") == "0")
    #expect(
      try value(
        "SELECT count(*) FROM io WHERE virtio_submit_ns < -clock_error_ns OR virtio_return_ns < -clock_error_ns"
      ) == "0")
  }

  @Test("the disk is found at sector 2048 of the host's, which both call by the same number")
  func mapping() throws {
    #expect(
      try value(
        "SELECT guest_device || ' ' || host_device || ' ' || (host_sector - guest_sector) FROM device_map"
      ) == "\"254,16 254,16 2048\"")
  }

  @Test("all requests that lie wholly inside both traces are matched, none of them ambiguous")
  func matched() throws {
    #expect(
      try value(
        """
        SELECT group_concat(DISTINCT match_grade || ':' || coalesce(match_reason, '')) FROM
          (SELECT * FROM io WHERE op <> 'flush' ORDER BY match_grade, match_reason)
        """) == "\"exact:,unmatched:after_end,unmatched:before_start\"")
    #expect(try value("SELECT violations FROM clock WHERE machine = 'L2'") == "0")
  }

  @Test("the way back doubles when the neighbour starts; the hardware stays as it was")
  func beforeAndAfter() throws {
    func median(_ column: String, _ when: String) throws -> Double {
      Double(
        try value(
          """
          SELECT \(column) / 1e6 FROM io WHERE match_grade = 'exact' AND op = 'write' AND \(when)
          ORDER BY \(column) LIMIT 1 OFFSET (SELECT count(*) / 2 FROM io
            WHERE match_grade = 'exact' AND op = 'write' AND \(when))
          """)) ?? 0
    }
    let before = "reference_ns < 8184000000"
    let after = "reference_ns >= 8184000000"
    #expect(try median("virtio_return_ns", after) > 2 * median("virtio_return_ns", before))
    let change = try median("hardware_queue_ns", after) / median("hardware_queue_ns", before)
    #expect(change > 0.9 && change < 1.1)
  }

  @Test("the same directory again changes nothing, and says so")
  func again() throws {
    let before = try value("SELECT count(*) || ' ' || (SELECT count(*) FROM io) FROM request")
    let outcome = try Program.run(
      "ingest", Self.incident, Repository.fixtures.appending(path: "kvm-noisy-cpu").path)
    #expect(outcome.status == 0)
    #expect(outcome.output.contains("already in"))
    #expect(try value("SELECT count(*) || ' ' || (SELECT count(*) FROM io) FROM request") == before)
  }

  @Test("two runs give the same bytes of report")
  func reproducible() throws {
    // A copy: the other tests read the incident meanwhile.
    let incident = try Repository.temporaryFolder().appending(path: "incident.db").path
    try FileManager.default.copyItem(atPath: Self.incident, toPath: incident)
    let first = try Program.run("report", incident, "--format", "markdown")
    #expect(try Program.run("correlate", incident).status == 0)
    let second = try Program.run("report", incident, "--format", "markdown")
    #expect(first.output == second.output)
    #expect(!first.output.isEmpty)
  }

  @Test("the report begins with whose traces it is of, and when they were made, where they say so")
  func whose() throws {
    let report = try Program.run("report", Self.incident).output
    #expect(report.contains("\nTraces of guest L2 and host L1.\n"))
    let folder = try Repository.temporaryFolder()
    let vmstat = folder.appending(path: "host-h/vmstat.txt")
    try FileManager.default.createDirectory(
      at: vmstat.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(
      """
      procs -----------memory---------- ---swap-- -----io---- -system-- ------cpu----- -----timestamp-----
       r  b   swpd   free   buff  cache   si   so    bi    bo   in   cs us sy id wa st                 UTC
       1  0      0 100000   1000  10000    0    0     0     0    1    1  1  1 98  0  0 2026-11-22 23:59:59
       1  0      0 100000   1000  10000    0    0     0     0    1    1  1  1 98  0  0 2026-11-23 00:00:00

      """.utf8
    ).write(to: vmstat)
    _ = try Program.run("analyze", folder.path, "-o", folder.path + "/out")
    let alone = try Program.run("report", folder.path + "/out/incident.db").output
    #expect(
      alone.contains("\nTraces of host h, 2026-11-22 23:59:59 to 2026-11-23 00:00:00 UTC.\n"))
  }

  @Test("the text report fits 80 columns", arguments: [[], ["--from", "8.184", "--op", "write"]])
  func width(_ options: [String]) throws {
    let outcome = try Program.run(["report", Self.incident] + options)
    #expect(outcome.status == 0)
    #expect(outcome.wideLines.isEmpty)
  }

  @Test("one I/O shows the lines it rests on")
  func evidence() throws {
    let id = try value("SELECT io_id FROM io WHERE match_grade = 'exact' LIMIT 1")
    let outcome = try Program.run("show", Self.incident, "io", id)
    #expect(outcome.words.contains("guest-L2/blkparse.txt, line "))
    #expect(outcome.words.contains("host-L1/blkparse.txt, line "))
  }

  @Test("the README's session prints what the README says")
  func readmeSession() throws {
    let readme = try String(
      contentsOf: Repository.root.appending(path: "README.md"), encoding: .utf8)
    let folder = try Repository.temporaryFolder()
    try FileManager.default.createSymbolicLink(
      at: folder.appending(path: "Fixtures"), withDestinationURL: Repository.fixtures)
    var commands = 0
    for block in readme.components(separatedBy: "```console\n").dropFirst() {
      let text = block.components(separatedBy: "```")[0]
      for step in text.components(separatedBy: "$ hiddenq ").dropFirst() {
        let lines = step.split(separator: "\n", omittingEmptySubsequences: false)
        let arguments = Self.words(String(lines[0]))
        let expected = lines.dropFirst().joined(separator: "\n")
          .trimmingCharacters(in: .whitespacesAndNewlines)
        let outcome = try Program.run(arguments, in: folder)
        #expect(outcome.status == 0, "\(outcome.errors)")
        commands += 1
        // A line of dots stands for lines that are left out.
        for part in ("\n" + expected).components(separatedBy: "\n...\n") where part != "" {
          #expect(
            outcome.output.contains(part.trimmingCharacters(in: .newlines)),
            "hiddenq \(lines[0]) did not print:\n\(part)\nbut:\n\(outcome.output)")
        }
      }
    }
    #expect(commands >= 3)
  }

  /// Words as a shell splits them, with double quotes.
  private static func words(_ line: String) -> [String] {
    line.components(separatedBy: "\"").enumerated().flatMap { index, part in
      index % 2 == 1 ? [part] : part.split(separator: " ").map(String.init)
    }
  }
}
