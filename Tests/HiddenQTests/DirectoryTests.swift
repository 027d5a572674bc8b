import Foundation
import TestSupport
import Testing

/// Whole directories: whose the files are, what is left out and why, and what an incident.yaml says.
struct DirectoryTests {
  /// A directory with the real capture's two traces, in folders of these names.
  private static func capture(guest: String, host: String) throws -> URL {
    let folder = try Repository.temporaryFolder()
    let traces = Repository.fixtures.appending(path: "kvm-noisy-cpu")
    for (name, from) in [(guest, "guest-L2"), (host, "host-L1")] {
      let target = folder.appending(path: name)
      try FileManager.default.createDirectory(at: target, withIntermediateDirectories: true)
      try FileManager.default.copyItem(
        at: traces.appending(path: from + "/blkparse.txt"),
        to: target.appending(path: "blkparse.txt"))
    }
    return folder
  }

  private static func write(_ text: String, _ name: String, in folder: URL) throws {
    let file = folder.appending(path: name)
    try FileManager.default.createDirectory(
      at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try text.write(to: file, atomically: true, encoding: .utf8)
  }

  private static func link(_ link: URL, to target: String) throws {
    try FileManager.default.createSymbolicLink(
      atPath: link.path, withDestinationPath: target)
  }

  private static func line(_ number: Int) -> String {
    "  8,0    0 \(number)     0.00000\(1000 + number)    10  Q   W \(number * 8) + 8 [fio]\n"
  }

  /// 50 events and 50 lines of garbage.
  private static let halfGarbage = (1...50).map { line($0) + "?? garbage\n" }.joined()

  // MARK: What is not used

  @Test(
    "devices, sockets, pipes, links in circles: listed by reason, not opened, and the rest goes on")
  func notFiles() throws {
    let folder = try Self.capture(guest: "guest-g", host: "host-h")
    let odd = folder.appending(path: "guest-g/odd")
    try FileManager.default.createDirectory(at: odd, withIntermediateDirectories: false)
    for name in ["pipe", "sda.blktrace.0"] {
      let made = unsafe mkfifo(odd.appending(path: name).path, 0o600)
      #expect(made == 0)
    }
    for (name, target) in [
      ("null", "/dev/null"), ("self", "self"), ("dangling", "nowhere"), ("up", "../.."),
    ] {
      try Self.link(odd.appending(path: name), to: target)
    }
    try Self.write("nothing of ours\n", "notes.md", in: folder)
    try Self.write("", "guest-g/empty.txt", in: folder)
    let incident = folder.deletingLastPathComponent().appending(
      path: UUID().uuidString + ".db"
    ).path
    defer { try? FileManager.default.removeItem(atPath: incident) }
    let first = try Program.run("ingest", incident, folder.path)
    #expect(first.status == 0, "\(first.errors)")
    for reason in [
      "guest-g/odd/pipe, guest-g/odd/sda.blktrace.0: is a pipe; it was not opened",
      "guest-g/odd/null: is a device; it was not opened",
      "guest-g/odd/self: is a link that leads back to itself",
      "guest-g/odd/dangling: is a link to nothing",
      "guest-g/odd/up/: is a link to a directory that was read already",
      "notes.md: is in no format", "guest-g/empty.txt: is empty",
    ] {
      #expect(first.words.contains(reason), "\(reason) is not in:\n\(first.output)")
    }
    #expect(try Program.value(incident, "SELECT count(*) FROM source") == "2")
    #expect(
      try Program.value(incident, "SELECT count(*) FROM problem WHERE severity = 'refused'") == "0")

    let before = try Data(contentsOf: URL(filePath: incident))
    let second = try Program.run("ingest", incident, folder.path)
    #expect(second.status == 0)
    #expect(second.words.contains("All 2 files are in already; nothing has changed."))
    #expect(try Data(contentsOf: URL(filePath: incident)) == before)
  }

  @Test(
    "what people save beside what we read is named, and what to save in its place",
    arguments: [
      (
        "Linux 6.1.0 (web1) 11/22/26 _x86_64_ (2 CPU)\n\navg-cpu:  %user   %nice %system\n",
        "this is iostat without a report of an interval; save such reports with dates"
      ),
      (
        """
        # tracer: nop
        #
                   fio-812     [000] ..... 35283920201234: block_rq_issue: 254,0 WS 4096 () 8192 + 8 [fio]
                <idle>-0       [001] ..s.. 35283920301234: block_rq_complete: 254,0 WS () 8192 + 8 [0]

        """, "its times are ticks of a counter"
      ),
      (
        """
        cpus=2
                 fio-812   [000] 35283920201234: sched_switch:         fio:812 [120] S ==> swapper/0:0 [120]

        """, "its times are ticks of a counter"
      ),
      (
        "==================== All Devices ====================\n\n            ALL           MIN           AVG"
          + "           MAX           N\n--------------- ------------- -----------\n\n"
          + "Q2Q               0.000000001   0.000359069   0.023390718       79\n",
        "this is btt, whose averages nothing here uses; give the files of blktrace"
      ),
      (
        "  port 1: vnet0 (internal)\n    RX packets:10 errors:0 dropped:0 overruns:0 frame:0\n"
          + "    TX packets:100 errors:0 dropped:40 aborted:0 carrier:0\n",
        "this is ovs-dpctl, whose counters nothing here uses"
      ),
      // Without a thread, without a time.
      (
        "app [000]  1000.000012: block:block_rq_issue: 254,0 WS 4096 () 4510560 + 8 [app]\n",
        "its lines have events of the kernel without what places them"
      ),
      (
        "app   139 [000] sched:sched_switch: prev_comm=app prev_pid=139 prev_prio=120 prev_state=S ==> "
          + "next_comm=swapper/0 next_pid=0 next_prio=120\n",
        "its lines have events of the kernel without what places them"
      ),
    ])
  func otherTools(text: String, advice: String) throws {
    let folder = try Self.capture(guest: "guest-g", host: "host-h")
    try Self.write(text, "guest-g/other.txt", in: folder)
    let incident = folder.path + ".db"
    let outcome = try Program.run("ingest", incident, folder.path)
    #expect(outcome.status == 0)
    #expect(outcome.words.contains("guest-g/other.txt: \(advice)"), "\(outcome.output)")
  }

  @Test("a linked folder keeps the name that it has where it lies")
  func linkedFolder() throws {
    let folder = try Self.capture(guest: "guest-g", host: "host-h")
    try Self.link(folder.appending(path: "guest-a-link"), to: "guest-g")
    let incident = folder.path + ".db"
    #expect(try Program.run("ingest", incident, folder.path).status == 0)
    #expect(
      try Program.value(
        incident, "SELECT group_concat(machine) FROM (SELECT * FROM source ORDER BY machine)")
        == "\"g,h\"")
  }

  @Test("a refused file is kept as refused, once; with other options it is used")
  func refused() throws {
    let folder = try Self.capture(guest: "guest-g", host: "host-h")
    try Self.write(Self.halfGarbage, "guest-g/half.txt", in: folder)
    let incident = folder.path + ".db"
    let first = try Program.run("ingest", incident, folder.path)
    #expect(first.status == 0)
    #expect(first.words.contains("guest-g/half.txt: refused: 50 of 100 lines cannot be read"))
    func value(_ sql: String) throws -> String { try Program.value(incident, sql) }
    let row =
      "SELECT machine || ' ' || format || ' ' || lines || ' ' || events || ' ' || skipped_lines FROM source WHERE refused"
    #expect(try value(row) == "g blktrace 100 0 50")
    let problem =
      "SELECT severity || ' ' || kind || ' ' || count || ' ' || line FROM problem JOIN source USING (source_id) WHERE refused"
    #expect(try value(problem) == "refused too_many_bad_lines 50 2")

    let before = try Data(contentsOf: URL(filePath: incident))
    #expect(try Program.run("ingest", incident, folder.path).words.contains("nothing has changed"))
    #expect(try Data(contentsOf: URL(filePath: incident)) == before)

    let lenient = try Program.run("ingest", "--max-skipped", "60", incident, folder.path)
    #expect(lenient.status == 0)
    #expect(
      try value("SELECT count(*) || ' ' || sum(refused) || ' ' || sum(events = 50) FROM source")
        == "3 0 1")
    #expect(try value("SELECT count(*) FROM problem WHERE severity = 'refused'") == "0")
    let strict = try Program.run("ingest", incident, folder.path)
    #expect(strict.words.contains("refused now, but in already from a run with other options"))
    #expect(try value("SELECT count(*) || ' ' || sum(refused) FROM source") == "3 0")
  }

  @Test("a directory of which nothing can be used: status 2 and no incident file")
  func nothing() throws {
    let folder = try Repository.temporaryFolder()
    try Self.write(Self.halfGarbage, "guest-g/half.txt", in: folder)
    try Self.write("no trace\n", "guest-g/readme", in: folder)
    let incident = folder.path + ".db"
    let outcome = try Program.run("ingest", incident, folder.path)
    #expect(outcome.status == 2)
    #expect(outcome.errors.contains("nothing could be used"))
    #expect(!FileManager.default.fileExists(atPath: incident))
  }

  @Test("the table of files fits 80 columns and keeps the names apart")
  func longNames() throws {
    let folder = try Self.capture(
      guest: "guest-database-primary-01", host: "host-hypervisor-rack-12-unit-30")
    let latency = Repository.fixtures.appending(path: "perf-sched-latency")
    let inputs = Repository.folders(in: latency).map { $0.appending(path: "input.txt") }
    for (number, input) in inputs.enumerated()
    where FileManager.default.fileExists(atPath: input.path) {
      try FileManager.default.copyItem(
        at: input,
        to: folder.appending(
          path: "host-hypervisor-rack-12-unit-30/scheduler-latency-\(number).txt"))
    }
    let outcome = try Program.run("ingest", folder.path + ".db", folder.path)
    #expect(outcome.status == 0)
    let lines = outcome.output.split(separator: "\n")
    for line in lines { #expect(line.count <= 80, "\(line)") }
    #expect(
      lines[0].split(separator: " ").joined(separator: " ")
        == "file recognised as machine events skipped lost span")
    #expect(outcome.output.contains("blkparse.txt"))
    #expect(outcome.output.contains("primary-01") || outcome.output.contains("imary-01"))
  }

  // MARK: incident.yaml

  private static let plan = """
    machines:
      web1:
        layer: guest
        paths: [a/, nowhere/]
      kvm7:
        layer: host
        paths: ["*/blk*.txt"]
    devices:
      kvm7: {nvme: "254,16"}
    mapping:
      - guest: web1
        guest_device: "254:16"
        host: kvm7
        host_device: nvme
        sector_offset: 2_048
    clocks:
      - {machine: web1, reference: kvm7, offset_ns: -686192000, drift_ppm: 0.5}

    """

  @Test("incident.yaml says whose the files are, where disks lie, how clocks relate")
  func wholePlan() throws {
    let folder = try Self.capture(guest: "a", host: "b")
    try Self.write(Self.plan, "incident.yaml", in: folder)
    let incident = folder.path + ".db"
    let first = try Program.run("ingest", incident, folder.path)
    #expect(first.status == 0, "\(first.errors)")
    #expect(first.words.contains("incident.yaml:4: 'nowhere/' of web1 fits no file"))
    #expect(!first.output.contains("Not used"))
    func value(_ sql: String) throws -> String { try Program.value(incident, sql) }
    #expect(
      try value(
        "SELECT group_concat(machine || ' ' || layer) FROM (SELECT * FROM source ORDER BY machine)")
        == "\"kvm7 host,web1 guest\"")
    #expect(
      try value(
        "SELECT guest || guest_device || host || host_device || host_sector || sectors IS NULL || origin || line FROM given_device_map"
      )
      .isEmpty == false)
    #expect(
      try value(
        """
        SELECT guest || ' ' || guest_device || ' ' || host || ' ' || host_device || ' ' || guest_sector
          || ' ' || host_sector || ' ' || coalesce(sectors, 'all') || ' ' || origin || ' ' || line
        FROM given_device_map
        """) == "\"web1 254,16 kvm7 254,16 0 2048 all given 11\"")
    #expect(
      try value(
        "SELECT tool_clock || ' ' || offset_ns || ' ' || drift_ppm || ' ' || coalesce(error_ns, '-') FROM given_clock_relation"
      )
        == "blktrace -686192000 0.5 -")
    #expect(try value("SELECT name || ' ' || device FROM device_name") == "\"nvme 254,16\"")

    let before = try Data(contentsOf: URL(filePath: incident))
    #expect(try Program.run("ingest", incident, folder.path).words.contains("nothing has changed"))
    #expect(try Data(contentsOf: URL(filePath: incident)) == before)

    // What it says anew takes the place of what it said.
    try Self.write(
      Self.plan.replacingOccurrences(of: "2_048", with: "4096"), "incident.yaml", in: folder)
    let changed = try Program.run("ingest", incident, folder.path)
    #expect(!changed.words.contains("nothing has changed"))
    #expect(try value("SELECT group_concat(host_sector) FROM given_device_map") == "4096")
  }

  @Test("extents are kept one by one; analyze reads the plan, too")
  func extents() throws {
    let folder = try Self.capture(guest: "a", host: "b")
    try Self.write(
      """
      machines:
        web1: {layer: guest, paths: [a]}
        kvm7: {layer: host, paths: [b/blkparse.txt]}
      mapping:
        - guest: web1
          guest_device: "254,16"
          host: kvm7
          host_device: "254,16"
          extents:
            - {guest_sector: 0, host_sector: 2048, sectors: 1000}
            - {guest_sector: 1000, host_sector: 9000, sectors: 24}
      """, "incident.yaml", in: folder)
    let out = folder.path + "-out"
    #expect(try Program.run("analyze", folder.path, "-o", out).status == 0)
    #expect(
      try Program.value(
        out + "/incident.db",
        "SELECT group_concat(guest_sector || '>' || host_sector || '+' || sectors) FROM given_device_map"
      ) == "\"0>2048+1000,1000>9000+24\"")
  }

  struct Mistake: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let text: String
    let says: String
  }

  static let mistakes: [Mistake] = [
    Mistake(
      testDescription: "an unknown section", text: "machine:\n  a: {layer: guest}\n",
      says: "incident.yaml:1: unknown key 'machine' in the file; known are: machines, devices"),
    Mistake(
      testDescription: "an unknown key of a machine",
      text: "machines:\n  a:\n    layer: guest\n    path: [a]\n",
      says: "incident.yaml:4: unknown key 'path' in machine 'a'; known are: layer, paths"),
    Mistake(
      testDescription: "a machine without a layer", text: "machines:\n  a: {paths: [a]}\n",
      says: "incident.yaml:2: machine 'a' lacks 'layer'"),
    Mistake(
      testDescription: "another layer", text: "machines:\n  a: {layer: vm}\n",
      says: "incident.yaml:2: layer is 'vm', expected guest or host"),
    Mistake(
      testDescription: "a path that leads out",
      text: "machines:\n  a: {layer: guest, paths: [../x]}\n",
      says: "incident.yaml:2: '../x' must be a path below this directory"),
    Mistake(
      testDescription: "one path without a list",
      text: "machines:\n  a: {layer: guest, paths: x}\n",
      says: "incident.yaml:2: 'paths' must be a list"),
    Mistake(
      testDescription: "a machine twice",
      text: "machines:\n  a: {layer: guest}\n  a: {layer: host}\n", says: "'a' is said twice"),
    Mistake(
      testDescription: "no YAML", text: "machines:\n\ta: x\n",
      says: "incident.yaml:2:1: found character that cannot start any token"),
    Mistake(
      testDescription: "an unquoted pattern",
      text: "machines:\n  a: {layer: guest, paths: [*/x]}\n", says: "quote values that begin with *"
    ),
    Mistake(
      testDescription: "an anchor", text: "machines: &m\n  a: {layer: guest}\n",
      says: "incident.yaml:1: '&m' is an anchor"),
    Mistake(
      testDescription: "a device that is none",
      text: "machines: {a: {layer: guest}}\ndevices:\n  a: {vda: sda}\n",
      says: "incident.yaml:3: 'sda' is no device"),
    Mistake(
      testDescription: "a mapping of a machine that nothing declares",
      text: mapping.replacingOccurrences(of: "host: h", with: "host: other")
        + "    sector_offset: 1\n",
      says: "incident.yaml:5: there is no machine 'other' (there are: g, h)"),
    Mistake(
      testDescription: "a mapping with its sides exchanged",
      text: mapping.replacingOccurrences(of: "guest: g\n", with: "guest: h\n")
        + "    sector_offset: 1\n", says: "incident.yaml:5: 'h' is a host, expected a guest"),
    Mistake(
      testDescription: "a mapping without a place", text: mapping,
      says: "incident.yaml:5: a mapping needs either 'sector_offset' or 'extents'"),
    Mistake(
      testDescription: "an offset below zero", text: mapping + "    sector_offset: -1\n",
      says: "incident.yaml:9: 'sector_offset' is '-1', expected a whole number from 0"),
    Mistake(
      testDescription: "a sector beyond any disk",
      text: mapping + "    sector_offset: 9223372036854775807\n",
      says:
        "incident.yaml:9: 'sector_offset' is '9223372036854775807', expected a whole number from 0 to "
        + "18014398509481984"),
    Mistake(
      testDescription: "a sector mapped twice",
      text: mapping + """
            extents:
              - {guest_sector: 0, host_sector: 0, sectors: 9}
              - {guest_sector: 8, host_sector: 100, sectors: 9}

        """, says: "incident.yaml:11: sectors of g 254,0 are mapped already at line 10"),
    Mistake(
      testDescription: "an extent beyond any disk",
      text: mapping
        + "    extents: [{guest_sector: 18014398509481980, host_sector: 0, sectors: 9}]\n",
      says: "incident.yaml:9: the extent ends beyond any disk"),
    Mistake(
      testDescription: "a drift that cannot be",
      text: machines + "clocks: [{machine: g, reference: h, offset_ns: 1, drift_ppm: 1e9}]\n",
      says: "incident.yaml:4: 'drift_ppm' is '1e9', expected a number from -1000 to 1000"),
  ]

  private static let machines =
    "machines:\n  g: {layer: guest, paths: [a]}\n  h: {layer: host, paths: [b]}\n"
  private static let mapping =
    machines + """
      mapping:
        - guest: g
          guest_device: "254,0"
          host: h
          host_device: "254,0"

      """

  @Test(
    "a mistake in incident.yaml is one sentence with its line, and nothing is read",
    arguments: mistakes)
  func mistake(_ mistake: Mistake) throws {
    let folder = try Self.capture(guest: "a", host: "b")
    try Self.write(mistake.text, "incident.yaml", in: folder)
    let incident = folder.path + ".db"
    let outcome = try Program.run("ingest", incident, folder.path)
    #expect(outcome.status == 2)
    #expect(outcome.errors.contains(mistake.says), "\(outcome.errors)")
    #expect(outcome.errors.split(separator: "\n").count == 1)
    #expect(!FileManager.default.fileExists(atPath: incident))
  }

  @Test("the example in docs/capture-directory.md is read")
  func documented() throws {
    let text = try String(
      contentsOf: Repository.root.appending(path: "docs/capture-directory.md"), encoding: .utf8)
    let examples = text.components(separatedBy: "```yaml\n").dropFirst().map {
      $0.components(separatedBy: "```")[0]
    }
    #expect(examples.count == 2)
    let folder = try Self.capture(guest: "web1", host: "hypervisor")
    try Self.write(examples[0], "incident.yaml", in: folder)
    let incident = folder.path + ".db"
    let outcome = try Program.run("ingest", incident, folder.path)
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(
      try Program.value(
        incident, "SELECT group_concat(machine) FROM (SELECT * FROM source ORDER BY machine)")
        == "\"kvm7,web1\"")
    try Self.write(
      "machines: {db1: {layer: guest, paths: [web1]}, kvm7: {layer: host, paths: [hypervisor]}}\n"
        + examples[1], "incident.yaml", in: folder)
    #expect(try Program.run("ingest", incident, folder.path).status == 0)
  }

  @Test("the list of formats fits 80 columns, and names each with its clock and command")
  func formatsFit() throws {
    let text = try Program.run("formats").output
    let lines = text.split(separator: "\n")
    #expect(lines.allSatisfy { $0.count <= 80 }, "\(lines.filter { $0.count > 80 })")
    let rows = try Program.run("formats", "--format", "csv").output.split(separator: "\n")
    #expect(lines.count { $0.hasPrefix("  $ ") } == rows.count - 1)
    #expect(lines.count { $0.hasPrefix("  clock ") } == rows.count - 1)
    // Each is of one family, and the README's table has it.
    #expect(rows.dropFirst().allSatisfy { !$0.hasSuffix(",") })
    let readme = try String(
      contentsOf: Repository.root.appending(path: "README.md"), encoding: .utf8)
    for name in rows.dropFirst().compactMap({ $0.split(separator: ",").first }) {
      #expect(readme.contains("`\(name)`"), "\(name)")
    }
  }

  @Test("output that looks useful and is not is refused with the command to run instead")
  func knownOutputs() throws {
    let folder = try Repository.temporaryFolder()
    for (text, advice) in [
      ("Architecture:   x86_64\nCPU(s):   2\n", "lscpu -p"),
      ("driver: virtio_net\nbus-info: 0000:00:03.0\n", "ethtool -S"),
      ("/boot/grub2/grubenv: 1 extent found\n", "filefrag -v"),
      ("Linux 6.1.0 (web1)  11/22/26  _x86_64_ (2 CPU)\n\navg-cpu:  %user\n", "iostat -xt 1"),
    ] {
      try Self.write(text, "output.txt", in: folder)
      let file = folder.appending(path: "output.txt").path
      let outcome = try Program.run("ingest", file + ".db", file, "--host", "h")
      #expect(outcome.status == 2)
      #expect(outcome.errors.contains(advice), "\(outcome.errors)")
    }
  }

  @Test(
    "two forms of a trace of a single request count once; another trace of these blocks does not")
  func singleRequestInTwoForms() throws {
    let folder = try Repository.temporaryFolder()
    func trace(_ completed: Int, newline: String) -> String {
      ["Q", "G", "I", "D"].enumerated().map { number, action in
        "254,16   0        \(number + 1)     0.00000\(1000 + number)    10  \(action)   W 5256 + 8 [fio]"
          + newline
      }.joined() + "254,16   0        5     0.00\(completed)     0  C   W 5256 + 8 [0]" + newline
    }
    try Self.write(trace(3_033_307, newline: "\n"), "a.txt", in: folder)
    try Self.write(trace(3_033_307, newline: "\r\n"), "b.txt", in: folder)
    try Self.write(trace(3_033_308, newline: "\n"), "c.txt", in: folder)
    let incident = try Self.ingestInTurn(folder)
    #expect(
      try Program.value(incident, "SELECT count(duplicate_of) FROM source WHERE path LIKE '%b.txt'")
        == "1")
  }

  /// Ingests `a.txt`, its other form `b.txt` and another trace `c.txt`; the incident file.
  private static func ingestInTurn(_ folder: URL) throws -> String {
    let incident = folder.path + ".db"
    for (name, count) in [("a.txt", "1"), ("b.txt", "1"), ("c.txt", "2")] {
      let outcome = try Program.run(
        "ingest", incident, folder.appending(path: name).path, "--guest", "g")
      #expect(outcome.status == 0, "\(outcome.errors)")
      #expect(try Program.value(incident, "SELECT count(*) FROM request") == count, "\(name)")
    }
    return incident
  }

  @Test("requests of which hardly one was seen ending count once, too", arguments: [0, 1])
  func issuedAlone(_ completed: Int) throws {
    let folder = try Repository.temporaryFolder()
    func trace(_ digits: Int) -> String {
      (0..<20).map { number in
        let sector = 8_000 + 8 * number
        func line(_ after: Int, _ event: String) -> String {
          let time = String(10_000_000 + number * number * 1_000 + after)
          let fraction = String((time + "789").dropFirst(2).prefix(digits))
          return "  dd  77 [000]  3199.\(fraction): block:block_rq_\(event)\n"
        }
        return line(0, "issue: 254,16 WS 4096 () \(sector) + 8 [dd]")
          + (number < completed ? line(400, "complete: 254,16 WS () \(sector) + 8 [0]") : "")
      }.joined()
    }
    try Self.write(trace(9), "a.txt", in: folder)
    try Self.write(trace(6), "b.txt", in: folder)
    let incident = folder.path + ".db"
    for name in ["a.txt", "b.txt"] {
      let outcome = try Program.run(
        "ingest", incident, folder.appending(path: name).path, "--guest", "g")
      #expect(outcome.status == 0, "\(outcome.errors)")
      #expect(try Program.value(incident, "SELECT count(*) FROM request") == "20", "\(name)")
    }
  }

  @Test("a single request counts once, whichever tools saw it; one that took longer is another")
  func singleRequestOfTwoTools() throws {
    let folder = try Repository.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let events = ["bio_queue", "getrq", "rq_insert", "rq_issue", "rq_complete"]
    func trace(_ name: String, completed: Int) throws {
      let lines = events.enumerated().map { number, event in
        let at = event == "rq_complete" ? completed : number + 1
        let bytes = event.hasPrefix("rq_") ? event == "rq_complete" ? " ()" : " 4096 ()" : ""
        let end = event == "rq_complete" ? "[0]" : "[fio]"
        return
          "             fio-10      [000] .....  3199.710\(String(at).leftPadded(3)): block_\(event): "
          + "254,16 W\(bytes) 5256 + 8 \(end)\n"
      }
      try Self.write("# tracer: nop\n#\n" + lines.joined(), name, in: folder)
    }
    let blkparse = ["Q", "G", "I", "D", "C"].enumerated().map { number, action in
      "254,16   0        \(number + 1)     0.000\(String(action == "C" ? 468 : number + 1).leftPadded(3))123"
        + "    10  \(action)   W 5256 + 8 [\(action == "C" ? "0" : "fio")]\n"
    }
    try Self.write(blkparse.joined(), "a.txt", in: folder)
    try trace("b.txt", completed: 469)
    try trace("c.txt", completed: 480)
    _ = try Self.ingestInTurn(folder)
  }

  @Test("an incident.yaml that is a device, a pipe or larger than memory is not read")
  func oddPlan() throws {
    let folder = try Repository.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    try Self.write((1...50).map(Self.line).joined(), "guest/blkparse.txt", in: folder)
    let plan = folder.appending(path: "incident.yaml")
    let incident = folder.appending(path: "incident.db").path
    let makers: [() throws -> Void] = [
      { try Self.link(plan, to: "/dev/zero") },
      {
        let made = unsafe mkfifo(plan.path, 0o600)
        #expect(made == 0)
      },
      {
        try Data().write(to: plan)
        // Of one hole: it takes no room on the disk.
        let made = unsafe truncate(plan.path, 1 << 40)
        #expect(made == 0)
      },
    ]
    for make in makers {
      try? FileManager.default.removeItem(at: plan)
      try make()
      let outcome = try Program.run("ingest", incident, folder.path)
      #expect(outcome.status == 2)
      #expect(outcome.errors.contains("cannot be read, or is larger than 1 MiB"))
      #expect(outcome.errors.split(separator: "\n").count == 1)
    }
  }
}

extension String {
  fileprivate func leftPadded(_ width: Int) -> String {
    String(repeating: "0", count: max(0, width - count)) + self
  }
}
