import Foundation
import TestSupport
import Testing

/// Copies that may leave the house: no name of the original in any byte, and the same numbers.
struct RedactTests {
  /// Names that no copy may hold.
  private static let secrets = [
    "web-prod-17", "acme-hv-03", "acme-billing", "AcmeVault", "ledger-db", "payroll", "jdoe",
    "LABSERIAL",
    "10.20.30.40", "54:00:ab:cd:ef", "acme's", "<b>acme", "blkparse.txt", "vg0-ledger",
  ]

  /// The fixture's block traces under telling names, and small files of other kinds that hold more of them.
  private static func capture() throws -> String {
    let folder = try Repository.temporaryFolder()
    let fixture = Repository.fixtures.appending(path: "kvm-noisy-cpu")
    func text(_ path: String) throws -> String {
      try String(contentsOf: fixture.appending(path: path), encoding: .utf8)
        .replacing("[fio]", with: "[acme-billing]")
    }
    let files = [
      "guest-web-prod-17/AcmeVault/blkparse.txt": try text("guest-L2/blkparse.txt"),
      "host-acme-hv-03/blkparse.txt": try text("host-L1/blkparse.txt"),
      "host-acme-hv-03/qemu.txt": """
      qemu-system-x86_64 -name guest=web-prod-17,debug-threads=on -m 1024 -drive \
      file=/home/jdoe/AcmeVault/ledger-db.qcow2,if=virtio -device virtio-blk-pci,queue-size=256,\
      serial=LABSERIAL -netdev tap,id=n0,ifname=tap-payroll -vnc 10.20.30.40:1 -device \
      virtio-net-pci,netdev=n0,mac=52:54:00:ab:cd:ef

      """,
      "host-acme-hv-03/sched.txt": sched,
      "host-acme-hv-03/lsblk.json": """
      {"blockdevices": [{"name":"vg0-ledger--db", "maj:min":"253:3", "size":1073741824, "type":"lvm", \
      "mountpoint":"/home/jdoe"}]}

      """,
    ]
    for (path, text) in files {
      let file = folder.appending(path: path)
      try FileManager.default.createDirectory(
        at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
      try text.write(to: file, atomically: true, encoding: .utf8)
    }
    return folder.path
  }

  private static let sched = """
          CPU 0/KVM    11 [000] 1.000000: sched:sched_switch: prev_comm=CPU 0/KVM prev_pid=11 prev_prio=120 \
    prev_state=R ==> next_comm=acme-billing next_pid=21 next_prio=120
       acme-billing    21 [000] 1.002000: sched:sched_switch: prev_comm=acme-billing prev_pid=21 prev_prio=120 \
    prev_state=S ==> next_comm=CPU 0/KVM next_pid=11 next_prio=120
          CPU 0/KVM    11 [000] 1.003000: sched:sched_switch: prev_comm=CPU 0/KVM prev_pid=11 prev_prio=120 \
    prev_state=R ==> next_comm=<b>acme's&"x next_pid=22 next_prio=120
        <b>acme's&"x    22 [000] 1.009000: sched:sched_switch: prev_comm=<b>acme's&"x prev_pid=22 prev_prio=120 \
    prev_state=S ==> next_comm=CPU 0/KVM next_pid=11 next_prio=120
          CPU 0/KVM    11 [000] 1.012000: sched:sched_switch: prev_comm=CPU 0/KVM prev_pid=11 prev_prio=120 \
    prev_state=S ==> next_comm=swapper/0 next_pid=0 next_prio=120

    """

  private struct Copy {
    let original: String
    let copy: String
    let key: String
    /// Names by their pseudonyms.
    let names: [String: String]

    /// A text of the copy with the names of the original.
    func named(_ text: String) -> String {
      text.replacing(/x[0-9a-z]{8}|(?:[0-9a-f]{2}:){4}[0-9a-f]{2}/) { match in
        names[String(match.output)] ?? String(match.output)
      }
    }
  }

  private static let redacted = Result {
    let folder = try Repository.temporaryFolder().path
    let original = folder + "/incident.db"
    #expect(try Program.run("ingest", original, try capture()).status == 0)
    let copy = folder + "/copy.db"
    let outcome = try Program.run(
      "redact", original, "-o", copy, "--key-file", folder + "/key", "--map", folder + "/map.csv")
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.errors.contains("no name is left"))
    // What is due is done in the copy; the original is only read.
    #expect(try Program.run("correlate", original).status == 0)
    var names: [String: String] = [:]
    for line in try String(contentsOfFile: folder + "/map.csv", encoding: .utf8)
      .split(separator: "\n").dropFirst()
    {
      let parts = line.split(separator: ",", maxSplits: 1)
      names[String(parts[0])] = String(parts[1])
    }
    return Copy(original: original, copy: copy, key: folder + "/key", names: names)
  }

  @Test("no name is left in any byte of the copy, nor in a report or export of it")
  func bytes() throws {
    let redacted = try Self.redacted.get()
    let original = try Data(contentsOf: URL(filePath: redacted.original))
    let copy = try Data(contentsOf: URL(filePath: redacted.copy))
    for secret in Self.secrets {
      #expect(copy.range(of: Data(secret.utf8)) == nil, "\(secret)")
      if !["10.20.30.40", "blkparse.txt"].contains(secret) {
        #expect(original.range(of: Data(secret.utf8)) != nil, "\(secret) is not in the original")
      }
    }
    for format in ["text", "html", "json", "markdown"] {
      let report = try Program.run("report", redacted.copy, "--format", format).output
      #expect(!report.isEmpty)
      for secret in Self.secrets { #expect(!report.contains(secret), "\(format): \(secret)") }
    }
  }

  @Test("with the names put back every view of the copy is that of the original")
  func sameNumbers() throws {
    let redacted = try Self.redacted.get()
    func rows(_ incident: String, _ view: String) throws -> [String] {
      let columns =
        view == "problem" ? "source_id, line, \"column\", kind, severity, count, advice" : "*"
      let outcome = try Program.run(
        "query", incident, "SELECT \(columns) FROM \(view)", "--format", "jsonl")
      #expect(outcome.status == 0, "\(outcome.errors)")
      // An address in an option has a pseudonym of its own, which no name leads back from.
      let text =
        view == "configuration"
        ? outcome.output.replacing(/mac=[0-9a-f:]+/, with: "mac=") : outcome.output
      return text.split(separator: "\n").map(String.init)
    }
    let views = Set(
      try Program.run("schema", "--format", "csv").output.split(separator: "\n").dropFirst()
        .compactMap { $0.split(separator: ",").first.map(String.init) })
    #expect(views.isSuperset(of: ["io", "hop_summary", "finding", "culprit", "queue_depth"]))
    var compared = 0
    for view in views {
      let before = try rows(redacted.original, view)
      let after = try rows(redacted.copy, view).map(redacted.named)
      #expect(before.sorted() == after.sorted(), "\(view)")
      compared += before.count
    }
    #expect(compared > 5_000)
  }

  @Test("with the names put back the JSON report is the original's")
  func sameReport() throws {
    let redacted = try Self.redacted.get()
    func report(_ incident: String) throws -> String {
      try Program.run("report", incident, "--format", "json").output
        .replacing(/"excerpt":(null|"(?:[^"\\]|\\.)*")/, with: "\"excerpt\":null")
    }
    #expect(try report(redacted.original) == redacted.named(try report(redacted.copy)))
  }

  @Test("correlated again, the copy still gives the same: roles and ties are known by what stayed")
  func correlatedAgain() throws {
    let redacted = try Self.redacted.get()
    let again = redacted.copy + "-again"
    try FileManager.default.copyItem(atPath: redacted.copy, toPath: again)
    #expect(try Program.run("correlate", again).status == 0)
    for view in ["hop_summary", "thread_wait", "culprit", "finding", "net_path"] {
      let rows = try [redacted.copy, again].map {
        try Program.run("query", $0, "SELECT * FROM \(view)", "--format", "csv").output
      }
      #expect(rows[0] == rows[1], "\(view)")
    }
  }

  @Test("the same key gives the same bytes, another key other names; the original is not touched")
  func keys() throws {
    let redacted = try Self.redacted.get()
    let original = try Data(contentsOf: URL(filePath: redacted.original))
    let copies = ["-1", "-2", "-3"].map { redacted.copy + $0 }
    for (copy, key) in zip(copies, [redacted.key, redacted.key, redacted.key + "-other"]) {
      #expect(
        try Program.run("redact", redacted.original, "-o", copy, "--key-file", key).status == 0)
    }
    let bytes = try copies.map { try Data(contentsOf: URL(filePath: $0)) }
    #expect(bytes[0] == bytes[1])
    let machines = try copies.map {
      try Program.value($0, "SELECT group_concat(DISTINCT machine) FROM source")
    }
    #expect(machines[0] == machines[1] && machines[0] != machines[2])
    #expect(try Data(contentsOf: URL(filePath: redacted.original)) == original)
    let rights = try FileManager.default.attributesOfItem(atPath: redacted.key)[.posixPermissions]
    #expect(rights as? Int == 0o600)
  }

  @Test("--dry-run says what would be replaced, at 80 columns, and writes nothing")
  func dryRun() throws {
    let redacted = try Self.redacted.get()
    // A folder of its own: what is written beside the shared file by other tests is no concern here.
    let folder = try Repository.temporaryFolder().path
    let original = folder + "/incident.db"
    try FileManager.default.copyItem(atPath: redacted.original, toPath: original)
    let outcome = try Program.run(
      "redact", original, "--dry-run", "--key-file", folder + "/never.key")
    #expect(outcome.status == 0 && outcome.errors.isEmpty)
    #expect(outcome.output.contains("processes, threads"))
    #expect(outcome.output.split(separator: "\n").allSatisfy { $0.count <= 80 })
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["incident.db"])
  }

  @Test(
    "what cannot be is said in a sentence, and leaves no copy",
    arguments: [
      (["-o", "there.db"], "is already there"), ([], "give -o FILE"),
      (["-o", "new.db", "--key-file", "short"], "holds 5 bytes"),
      (["-o", "no/such/folder.db"], "cannot be written"),
    ])
  func refused(_ arguments: [String], _ sentence: String) throws {
    let folder = try Repository.temporaryFolder()
    let original = try Self.redacted.get().original
    try "there".write(
      to: folder.appending(path: "there.db"), atomically: true, encoding: .utf8)
    try "short".write(to: folder.appending(path: "short"), atomically: true, encoding: .utf8)
    let outcome = try Program.run(["redact", original] + arguments, in: folder)
    #expect(outcome.status == 2)
    #expect(outcome.errors.contains(sentence), "\(outcome.errors)")
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == [
        "short", "there.db",
      ])
  }
}
