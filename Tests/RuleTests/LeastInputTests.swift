import Foundation
import TestSupport
import Testing
import TraceAnalysis
import TraceModel
import TraceReport
import TraceStore

/// Rules work from the least input that proves what they say, and say what is missing; each beside a silent twin.
struct LeastInputTests {
  // MARK: - A host that is a guest itself

  @Test("stolen time on a host is told: it is a virtual machine itself", arguments: [30, 4])
  func nestedHost(_ stolen: Int) throws {
    var vmstat =
      "procs -----------memory---------- ---swap-- -----io---- -system-- ------cpu-----\n"
      + " r  b   swpd   free   buff  cache   si   so    bi    bo   in   cs us sy id wa st\n"
      + " 1  0      0 812344  10240 655360    0    0     1     4   80  100  2  1 96  1  0\n"
    var stat = ""
    for sample in 0..<6 {
      vmstat +=
        " 4  0      0 812300  10240 655360    0    0     0    40 1800 2500 50 10 \(40 - stolen)  0 \(stolen)\n"
      stat += "\(1_795_336_000 + sample).000000000\n"
      for cpu in 0...1 {
        stat +=
          "cpu\(cpu) \(5_000 + 60 * sample) 0 0 \(9_000 + (40 - stolen) * sample) 0 0 0 \(100 + stolen * sample) 0 0\n"
      }
    }
    for (text, tool) in [(vmstat, "st of vmstat (6 samples)"), (stat, "/proc/stat (5 samples)")] {
      let incident = try SmallIncident()
      try incident.add(text, "host", "h")
      let found = try incident.findings()["STEAL_HIDDEN"] ?? ""
      #expect(
        found.contains(
          "critical: Of host h's own CPU time 30.0 % was stolen, by \(tool). It is a virtual machine itself"
        )
          == (stolen == 30), "\(found)")
      #expect(found.contains("own CPU time") == (stolen == 30))
    }
  }

  // MARK: - A host's scheduler trace alone

  /// Two vCPUs on a CPU each; `burn` takes the CPU for 4 of 10 ms, or the vCPU sleeps meanwhile.
  private static func scheduler(isPreempted: Bool) -> String {
    var text = ""
    for place in 0..<200 {
      for cpu in 0...1 {
        let vcpu = (name: "CPU \(cpu)/KVM", tid: 501 + cpu)
        let burn = (name: "burn", tid: 900 + cpu)
        let isIn = place % 2 == 0
        let at = 10_000_000 + place / 2 * 10_000 + (isIn ? 0 : 6_000) + cpu
        let (previous, next) = isIn ? (burn, vcpu) : (vcpu, burn)
        let state = isIn || isPreempted ? "R" : "S"
        if isIn, !isPreempted, place > 0 {
          text += line(
            "burn", burn.tid, cpu, at - 1,
            "wakeup: comm=\(vcpu.name) pid=\(vcpu.tid) prio=120 target_cpu=00\(cpu)")
        }
        text += line(
          previous.name, previous.tid, cpu, at,
          "switch: prev_comm=\(previous.name) prev_pid=\(previous.tid) prev_prio=120 prev_state=\(state) ==> "
            + "next_comm=\(next.name) next_pid=\(next.tid) next_prio=120")
      }
    }
    return text
  }

  /// `burn 900 [000] 10.000000: sched:sched_switch: ...`
  private static func line(_ name: String, _ tid: Int, _ cpu: Int, _ at: Int, _ event: String)
    -> String
  {
    "\(name) \(tid) [00\(cpu)] \(HandMadePair.seconds(at)): sched:sched_\(event)\n"
  }

  @Test("a host's scheduler trace alone: vCPUs that no file names waited, and who had the CPUs")
  func schedulerAlone() throws {
    let incident = try SmallIncident()
    try incident.add(Self.scheduler(isPreempted: true), "host", "h")
    let found = try incident.findings()
    let steal = try #require(found["STEAL_HIDDEN"])
    #expect(
      steal.hasPrefix("critical: On h, 2 vCPUs of a guest that no file names waited 0.792 s"),
      "\(steal)")
    #expect(steal.contains("39.8 % of their time in 0.996 s"), "\(steal)")
    #expect(steal.contains("CPU 0/KVM (501) 0.396 s, CPU 1/KVM (502) 0.396 s"), "\(steal)")
    let neighbour = try #require(found["NOISY_CPU_NEIGHBOUR"])
    #expect(
      neighbour.contains(
        "burn (2 threads; pids 900, 901; 0.80 CPUs used; on CPUs 0, 1) held it for 0.792 s, 39.8 % of the time of their vCPUs"
      ),
      "\(neighbour)")

    let idle = try SmallIncident()
    try idle.add(Self.scheduler(isPreempted: false), "host", "h")
    let silent = try idle.findings()
    #expect(silent["STEAL_HIDDEN"] == nil, "\(silent)")
    #expect(silent["NOISY_CPU_NEIGHBOUR"] == nil, "\(silent)")
  }

  // MARK: - A host's block trace alone

  /// 400 requests of an iothread in 4 s; from 2 s on, those of `rsync` keep the device for longer, and the iothread's
  /// take four times as long.
  private static func blocks(
    neighbour: String?, guest: String = "IO iothread0", device: String = "259,0"
  ) -> String {
    var lines: [(at: Int, text: String)] = []
    var dice = Dice(9)
    func add(_ at: Int, _ pid: Int, _ name: String, _ length: Int) {
      let sector = 8 * dice.next(below: 1_000_000)
      for (moment, letter) in [(at, "Q"), (at + 1, "G"), (at + 3, "D")] {
        lines.append((moment, "\(pid) \(letter) W \(sector) + 8 [\(name)]"))
      }
      lines.append((at + 3 + length, "0 C W \(sector) + 8 [0]"))
    }
    for place in 0..<400 {
      let isBeside = neighbour != nil && place >= 200
      add(10_000 * place, 4001, guest, isBeside ? 800 : 200)
      if let neighbour, place >= 200 { add(10_000 * place + 1_500, 900, neighbour, 8_000) }
    }
    return lines.sorted { $0.at < $1.at }.enumerated().map { number, line in
      "\(device) 0 \(number + 1) \(HandMadePair.seconds(line.at))000 \(line.text)\n"
    }.joined()
  }

  @Test("a host's block trace alone names who holds the device beside a hypervisor")
  func blocksAlone() throws {
    func finding(_ text: String) throws -> String? {
      let incident = try SmallIncident()
      try incident.add(text, "host", "h")
      return try incident.findings()["NOISY_DISK_NEIGHBOUR"]
    }
    // 200 of 8.0 ms beside 200 of 0.2 and 200 of 0.8 ms: 1.6 of 1.8 s.
    let words = try #require(try finding(Self.blocks(neighbour: "rsync")))
    #expect(
      words.hasPrefix("warning: On 259,0 of h, which guests use too, others used 88.9 %"),
      "\(words)")
    #expect(words.contains("made 200 requests, 88.9 % of that time"), "\(words)")
    #expect(
      words.contains("took 803.0 us on the host on average, in the others 203.0 us"), "\(words)")
    // Alone; the kernel's write-back, which may be a guest's; and a host without any hypervisor.
    #expect(try finding(Self.blocks(neighbour: nil)) == nil)
    #expect(try finding(Self.blocks(neighbour: "kworker/u8:1")) == nil)
    #expect(try finding(Self.blocks(neighbour: "rsync", guest: "mysqld")) == nil)
  }

  @Test("the neighbour of a device that holds no disk of a known guest, beside one that does")
  func blocksBesideAMappedDisk() throws {
    let pair = HandMadePair.every10ms(300, seed: 4)
    let incident = try SmallIncident()
    try incident.add(pair, host: "h")
    try incident.add(Self.blocks(neighbour: "rsync", device: "8,16"), "host", "h")
    #expect(
      try incident.rows("SELECT DISTINCT host, host_device FROM device_map") == ["h,\"259,0\""])
    _ = try incident.findings()
    #expect(
      try incident.rows(
        "SELECT severity, guest, substr(sentence, 1, 54) FROM finding WHERE code = 'NOISY_DISK_NEIGHBOUR'"
      ) == ["warning,,\"On 8,16 of h, which guests use too, others used 88.9 %\""])
  }

  // MARK: - Issues and completions

  private static func issued(_ device: String, queue: Bool = false) -> String {
    var text = ""
    var number = 0
    for place in 0..<70 {
      let (at, length) = (10_000 * place, 4_000 + 100 * (place % 7))
      func add(_ at: Int, _ pid: Int, _ rest: String) {
        number += 1
        text +=
          "\(device) 0 \(number) \(HandMadePair.seconds(at))000 \(pid) \(rest)\n"
      }
      if queue { add(at, 139, "Q R \(4096 + 64 * place) + 16 [app]") }
      add(at + (queue ? 50 : 0), 139, "D R \(4096 + 64 * place) + 16 [app]")
      add(at + (queue ? 50 : 0) + length, 0, "C R \(4096 + 64 * place) + 16 [0]")
    }
    return text
  }

  @Test("D and C alone: a guest's H3 to H5 as one, and that Q was not traced")
  func issuesOfAGuest() throws {
    let incident = try SmallIncident()
    try incident.add(Self.issued("254,16"), "guest", "g")
    #expect(
      try incident.rows("SELECT stage, count, min_ns, mean_ns, max_ns FROM stage")
        == ["D2C,70,4000000,4300000.0,4600000"])
    #expect(
      try incident.rows(
        "SELECT hop, count, mean_ns, max_ns, share_of_total FROM hop_summary WHERE op = 'read'")
        == ["below_guest,70,4300000.0,4600000,"])
    #expect(try incident.rows("SELECT count(*) FROM io WHERE block_ns IS NOT NULL") == ["0"])
    let report = try incident.report()
    #expect(report.contains("Q was not traced, so the times begin with D"), "\(report)")
    #expect(report.contains("D to C 4.600 ms"), "\(report)")
    let users = try incident.rows(named: "by-process").joined(separator: "\n")
    #expect(
      users.contains("g,254,16,app,read,70") || users.contains("\"254,16\",app,read,70"), "\(users)"
    )
    #expect(users.contains("4.3"), "\(users)")
    // A window of it has the same.
    var request = ReportRequest()
    request.filter.op = "read"
    let part = try incident.report(request)
    #expect(part.contains("H3+H4+H5 70 4.300"), "\(part)")

    // With Q, D to C is a part.
    let whole = try SmallIncident()
    try whole.add(Self.issued("254,16", queue: true), "guest", "g")
    #expect(try whole.rows("SELECT count(*) FROM io WHERE block_ns IS NOT NULL") == ["70"])
    #expect(try !whole.report().contains("Q was not traced"))
  }

  @Test("D and C alone: a host's H5 by who asked")
  func issuesOfAHost() throws {
    let incident = try SmallIncident()
    try incident.add(Self.issued("8,16"), "host", "h")
    #expect(try incident.rows("SELECT stage, count, mean_ns FROM stage") == ["D2C,70,4300000.0"])
    let report = try incident.report()
    #expect(report.contains("app h 8,16 70 0.6 - - 4.300 4.600"), "\(report)")
    #expect(report.contains("Where H4 is '-', Q was not traced"), "\(report)")
  }

  @Test("D and C of a guest beside a whole trace of its host: the hops below are known")
  func issuesJoined() throws {
    let pair = HandMadePair.every10ms(300, seed: 4)
    let incident = try SmallIncident()
    try incident.add(pair.host, "host", "h")
    let lines = Self.numbered(
      pair.guest.split(separator: "\n").filter { $0.contains(" D ") || $0.contains(" C ") })
    try incident.add(lines.joined(separator: "\n") + "\n", "guest", "vm1")
    let hops = try incident.rows(
      "SELECT hop, count FROM hop_summary WHERE op = 'write' AND hop IN ('virtio_queue', 'hardware_queue', 'block') "
        + "ORDER BY hop")
    #expect(hops == ["hardware_queue,300", "virtio_queue,300"], "\(hops)")
    #expect(try incident.report().contains("Q was not traced, so the times begin with D"))
  }

  // MARK: - Completions that are not there

  @Test(
    "issues without completions, and completions without issues, are said; a whole trace is not")
  func missing() throws {
    func finding(_ keep: (Substring) -> Bool) throws -> String? {
      let incident = try SmallIncident()
      let lines = Self.numbered(
        Self.issued("8,16", queue: true).split(separator: "\n").filter(keep))
      try incident.add(lines.joined(separator: "\n") + "\n", "guest", "g")
      return try incident.findings()["TRACE_INCOMPLETE"]
    }
    let issues = try #require(try finding { !$0.contains(" C ") })
    #expect(issues.hasPrefix("warning: 8,16 in "), "\(issues)")
    #expect(
      issues.contains("none of the 70 issued requests has its completion (C) in the trace"),
      "\(issues)")
    let ends = try #require(try finding { $0.contains(" C ") })
    #expect(ends.contains("70 completions (C) and no issue (D)"), "\(ends)")
    // Those of one CPU in two are missing.
    let some = try #require(try finding { !$0.contains(" C ") || Self.isEven($0) })
    #expect(
      some.contains("issued requests (") && some.contains("have no completion (C)"), "\(some)")
    #expect(try finding { _ in true }?.contains("completion") != true)
  }

  /// Lines with numbers of their own, as blkparse gives them when it leaves some out.
  private static func numbered(_ lines: [Substring]) -> [String] {
    lines.enumerated().map { number, line in
      var words = line.split(separator: " ").map(String.init)
      words[2] = "\(number + 1)"
      return words.joined(separator: " ")
    }
  }

  /// Whether the sector's place in its row is even.
  private static func isEven(_ line: Substring) -> Bool {
    let words = line.split(separator: " ")
    guard let plus = words.firstIndex(of: "+"), let sector = Int(words[plus - 1]) else {
      return false
    }
    return sector / 64 % 2 == 0
  }

  /// Requests of a host's disk of which these have no completion, and after them 2 s of another disk.
  private static func unfinished(_ isLost: (Int) -> Bool) -> String {
    var lines = issued("8,16").split(separator: "\n").filter { line in
      let words = line.split(separator: " ")
      guard words.contains("C"), let plus = words.firstIndex(of: "+"),
        let sector = Int(words[plus - 1])
      else { return true }
      return !isLost((sector - 4096) / 64)
    }
    lines += issued("8,32").replacing(" 0.", with: " 2.").split(separator: "\n")
    return numbered(lines).joined(separator: "\n") + "\n"
  }

  @Test("a request that is open to the end is a stall, but not where others lack their completion")
  func openToTheEnd() throws {
    func words(_ isLost: (Int) -> Bool) throws -> String? {
      let incident = try SmallIncident()
      try incident.add(Self.unfinished(isLost), "host", "h")
      // The device seems to stall in both.
      #expect(
        try incident.rows("SELECT device, held + joined, is_open FROM queue_stall")
          == ["\"8,16\",1,1"])
      return try incident.findings()["DEVICE_STALL"]
    }
    let stall = try #require(try words { $0 == 69 })
    #expect(
      stall.hasPrefix("critical: 8,16 of h completed nothing for 2."), "\(stall)")
    #expect(stall.contains("to the end of the trace, with 1 request in it"), "\(stall)")
    #expect(try words { $0 == 69 || $0 % 9 == 4 } == nil)
  }

  // MARK: - I/O errors

  static func errors(_ code: Int, from: Int = 40, to: Int = 42, op: String = "W") -> String {
    var text = ""
    var number = 0
    for place in 0..<100 {
      for (moment, pid, letter, end) in [
        (0, 700, "Q", "[app]"), (4, 700, "D", "[app]"),
        (50, 0, "C", (from...to).contains(place) ? "[\(code)]" : "[0]"),
      ] {
        number += 1
        let at = 1_000 * place + moment
        text +=
          "8,16 0 \(number) \(HandMadePair.seconds(at))000 \(pid) \(letter) \(op) \(2048 + 8 * place) + 8 \(end)\n"
      }
    }
    return text
  }

  @Test("requests that failed: how many, which, with what, where, when; none where none did")
  func failed() throws {
    func finding(_ text: String, _ side: String = "guest") throws -> String? {
      let incident = try SmallIncident()
      try incident.add(text, side, "m")
      let words = try incident.findings()["IO_ERRORS"]
      #expect(try incident.report().contains("IO_ERRORS") == (words != nil))
      return words
    }
    #expect(
      try finding(Self.errors(-5))
        == "critical: 8,16 of m: 3 of 100 writes failed with -5 (EIO), at sectors 2368, 2376, 2384, from 0.040 s to 0.042 s "
        + "of the trace.")
    // 61: the medium; old blkparse prints it as it is kept, in 16 bits.
    let many = try #require(try finding(Self.errors(65_475, from: 10, to: 89, op: "R"), "host"))
    #expect(
      many.contains(
        "80 of 100 reads failed with -61 (ENODATA), at 80 sectors, the first 2128, 2136, 2144,"),
      "\(many)")
    // A device that does not know a request is not broken.
    #expect(try finding(Self.errors(-95, op: "D"))?.hasPrefix("info: ") == true)
    #expect(try finding(Self.errors(0)) == nil)
  }

  @Test("an error that guest and host saw, and one that only the guest did")
  func failedOnBoth() throws {
    let pair = HandMadePair.every10ms(300, seed: 6)
    func withErrors(_ text: String) -> String {
      var seen = 0
      return text.split(separator: "\n").map { line -> String in
        guard line.contains(" C ") else { return String(line) }
        seen += 1
        return seen == 100 ? String(line).replacing("[0]", with: "[-5]") : String(line)
      }.joined(separator: "\n") + "\n"
    }
    func because(_ guest: String, _ host: String) throws -> [String] {
      let incident = try SmallIncident()
      try incident.add(host, "host", "h")
      try incident.add(guest, "guest", "vm1")
      _ = try incident.findings()
      return try incident.rows(
        "SELECT because FROM finding WHERE code = 'IO_ERRORS' ORDER BY guest DESC")
    }
    let both = try because(withErrors(pair.guest), withErrors(pair.host))
    #expect(both.count == 2)
    #expect(
      both.first?.contains("1 of them were followed to the host: there 1 failed, and 0 succeeded")
        == true, "\(both)")
    let above = try because(withErrors(pair.guest), pair.host)
    #expect(above.count == 1)
    #expect(above.first?.contains("there 0 failed, and 1 succeeded") == true, "\(above)")
  }

  // MARK: - Shares

  @Test("a share above the whole withholds its sentence and says why; it is not cut")
  func contradiction() throws {
    var pair = HandMadePair.every10ms(400, seed: 8) { $0.device = $1 < 200 ? 100 : 400 }
    pair.foreign = (0..<200).map {
      HandMadePair.Foreign(queued: 2_000_000 + 10_000 * $0, device: 5_000)
    }
    let incident = try SmallIncident()
    try incident.add(pair)
    let told = try #require(try incident.findings()["NOISY_DISK_NEIGHBOUR"])
    #expect(told.contains("others used 9"), "\(told)")
    try incident.alter("UPDATE device_neighbour SET share = 1.815")
    let again = try #require(
      try Findings.find(in: incident.file, thresholds: ["disk-neighbour": 11])
        .first { $0.code.rawValue == "NOISY_DISK_NEIGHBOUR" }?.sentence)
    #expect(again.contains("contradict each other: a part of a whole would be 181.5 %"), "\(again)")
    #expect(!again.contains("others used"), "\(again)")
  }

  // MARK: - Codes

  @Test(
    "a finding of a code that no rule has is an error",
    arguments: ["ALL_IS_WELL", "NOT_COMPARABLE", "io_errors", ""])
  func unknownCode(_ code: String) throws {
    let incident = try SmallIncident()
    try incident.add(HandMadePair.every10ms(400, seed: 8) { _, _ in })
    #expect(try !incident.findings().isEmpty)
    try incident.alter("UPDATE finding_row SET code = '\(code)' WHERE finding_id = 1")
    let error = #expect(throws: StoreError.self) { try incident.file.findings() }
    #expect(error?.kind == .damaged)
    #expect(error?.message.contains("unknown") == true)
  }
}
