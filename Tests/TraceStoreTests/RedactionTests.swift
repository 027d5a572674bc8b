import Foundation
import GRDB
import TestSupport
import Testing
import TraceModel

@testable import TraceStore

struct RedactionTests {
  private static let key = Array("a key of sixteen bytes".utf8)

  private func newFile() throws -> IncidentFile {
    try IncidentFile(
      try Repository.temporaryFolder().appending(path: "incident.db").path, mode: .create)
  }

  @Test("every column of text has its decision, and every decision its column")
  func decisions() throws {
    let file = try newFile()
    let columns = try file.queue.read { db in try Redactor.textColumns(db) }
    let present = Set(columns.map { "\($0.table).\($0.column)" })
    let decided = Set(
      TableDefinition.all.flatMap { table in
        table.columns.filter { $0.treatment != nil }.map { "\(table.name).\($0.name)" }
      })
    #expect(present.subtracting(decided).sorted() == [], "no decision")
    #expect(decided.subtracting(present).sorted() == [], "no text")
    // Numbers, packed; no place for a name.
    let packed = try file.queue.read { db in
      try String.fetchAll(
        db,
        sql: """
          SELECT sqlite_master.name || '.' || columns.name FROM sqlite_master
          JOIN pragma_table_info(sqlite_master.name) AS columns
          WHERE sqlite_master.type = 'table' AND columns.type = 'BLOB'
          """)
    }
    #expect(
      packed.sorted() == [
        "block_event_chunk.data", "sched_event_chunk.data", "thread_slice_chunk.data",
      ])
  }

  private func rewritten(_ text: String, _ kind: RedactedKind) throws -> String {
    var rewriter = NameRewriter(Pseudonyms(key: Self.key))
    return try rewriter.rewrite(text, kind)
  }

  @Test(
    "what nobody chose stays",
    arguments: [
      ("CPU 3/KVM", RedactedKind.threads), ("CPU 0/TCG", .threads), ("vhost-4000", .threads),
      ("IO iothread1", .threads), ("IO mon_iothread", .threads), ("swapper/11", .threads),
      ("kworker/u8:2-events_unbound", .threads), ("kworker/1:1H-kb", .threads),
      ("jbd2/vda1-8", .threads), ("qemu-system-x86", .threads), ("", .threads),
      ("blktrace", .threads),
      ("254,16", .devices), ("254,16 vdb", .devices), ("/dev/nvme0n1p2", .devices),
      ("eth0 root fq_codel 0:", .devices), ("18571 (qemu-system-x86) node 0", .devices),
      ("virtio-blk-pci,queue-size=256", .settings), ("[mq-deadline] none", .settings),
      ("2026-11-22 08:56:53.868304 = 1547.694200124 (monotonic)", .settings),
      ("guest", .machines), ("host", .machines), ("guest/host", .files),
      ("scsi0:0", .devices), ("vmhba0:C0:T5:L0", .devices), ("mpx.vmhba0:C0:T5:L0", .devices),
      ("vSwitch0:33554435:Shadow of vmnic0", .devices), ("vSwitch0:33554436:vmk0", .devices),
      ("system (1)", .devices), ("group", .settings), ("scsi0", .settings), ("PVSCSI", .settings),
    ] as [(String, RedactedKind)])
  func stays(_ text: String, _ kind: RedactedKind) throws {
    #expect(try rewritten(text, kind) == text)
  }

  @Test(
    "a name goes, whatever it stands in",
    arguments: [
      ("web1", RedactedKind.machines, "web1"), ("10117", .machines, "10117"),
      ("disk", .machines, "disk"), ("fio", .threads, "fio"), ("IO web1", .threads, "web1"),
      ("kworker/acme-billing", .threads, "acme"), ("kworker/u4:0-secret", .threads, "secret"),
      ("jbd2/vg0-web1-8", .threads, "web1"), ("CPU web1/KVM", .threads, "web1"),
      ("qemu-web1", .threads, "web1"), ("vcpu-web1", .threads, "web1"),
      ("tap-web1", .devices, "web1"), ("/dev/mapper/vg0-web1", .devices, "web1"),
      ("/srv/vm/web1.qcow2", .files, "web1"), ("guest-web1/blkparse.txt", .files, "blkparse"),
      ("guest=web1,debug-threads=on", .settings, "web1"), ("10.1.2.3:5900", .settings, "10.1.2.3"),
      ("52:54:00:77:01:02", .settings, "54:00:77:01:02"), ("fe80::5054:ff", .settings, "5054"),
      ("9a3b0c1e-0000-4d4d-8888-77aa1b2c3d4e", .settings, "9a3b0c1e"),
      ("d\u{fc}sseldorf", .threads, "sseldorf"), ("\u{1b}[31mred", .threads, "31mred"),
      ("<script>alert", .threads, "script"),
      ("poseidon vCPU 0", .devices, "poseidon"), ("poseidon:scsi0:0", .devices, "poseidon"),
      ("internal:50331705:480214:poseidon", .devices, "poseidon"),
      ("naa.60060160a1b1c2d3", .devices, "60060160"), ("t10.ATA_____ST2000", .devices, "ST2000"),
      ("datastore1", .devices, "datastore1"),
    ] as [(String, RedactedKind, String)])
  func goes(_ text: String, _ kind: RedactedKind, _ name: String) throws {
    let new = try rewritten(text, kind)
    #expect(!new.contains(name), "\(new)")
    #expect(new != text)
  }

  @Test("a virtual machine goes though it is called like a device")
  func machineLikeADevice() throws {
    var rewriter = NameRewriter(Pseudonyms(key: Self.key))
    let name = try rewriter.rewrite("scsi1", .machines)
    #expect(try rewriter.rewrite("scsi1 vCPU 0", .devices) == "\(name) vCPU 0")
    #expect(try rewriter.rewrite("scsi1:scsi0:0", .devices) == "\(name):scsi0:0")
  }

  @Test("a word has one pseudonym in every kind of column, under one key")
  func oneNameSpace() throws {
    var rewriter = NameRewriter(Pseudonyms(key: Self.key))
    let name = try rewriter.rewrite("web1", .machines)
    #expect(name.wholeMatch(of: /x[0-9a-z]{8}/) != nil)
    #expect(try rewriter.rewrite("web1", .threads) == name)
    #expect(try rewriter.rewrite("IO web1", .threads) == "IO \(name)")
    #expect(
      try rewriter.rewrite("/srv/guest-web1/web1.qcow2.gz", .files).hasSuffix(
        "/guest-\(name)/\(name).qcow2.gz"))
    #expect(try rewriter.rewrite("tap-web1", .devices) == "tap-\(name)")
    #expect(
      try rewriter.rewrite("guest=web1,debug-threads=on", .settings)
        == "guest=\(name),debug-threads=on")
    // The two ends of a tap differ in the first byte only.
    let (guest, host) = (
      try rewriter.rewrite("52:54:00:77:01:02", .settings),
      try rewriter.rewrite("fe:54:00:77:01:02", .settings)
    )
    #expect(guest.dropFirst(3) == host.dropFirst(3))
    #expect(guest.prefix(3) == "52:" && host.prefix(3) == "fe:")
    var other = NameRewriter(Pseudonyms(key: Array("another key, as long".utf8)))
    #expect(try other.rewrite("web1", .machines) != name)
    // HMAC-SHA256 of 'web1' under the key, first 40 bits, as Python's hmac and five bits a letter give it.
    #expect(name == Self.madeElsewhere)
  }

  private static let madeElsewhere = "xfgcssdj7"

  @Test(
    "a word is found wherever it stands in the bytes, also across the pieces in which a file is read"
  )
  func search() throws {
    let path = try Repository.temporaryFolder().appending(path: "bytes").path
    var bytes = [UInt8](repeating: 0x61, count: (1 << 20) + 100)
    bytes.replaceSubrange((1 << 20) - 3..<(1 << 20) + 5, with: Array("billing!".utf8))
    bytes.replaceSubrange(bytes.count - 5..<bytes.count, with: Array("vault".utf8))
    try Data(bytes).write(to: URL(filePath: path))
    let search = ByteSearch(["billing!", "vault", "vaults", "bill", "aaaab", "Vault"])
    let hits = try search.hits(inFileAt: path)
    #expect(hits.map(\.text) == ["aaaab", "billing!", "vault"])
    #expect(hits.map(\.offset) == [(1 << 20) - 7, (1 << 20) - 3, bytes.count - 5])
    #expect(search.found(in: "the vault") == ["vault"])
  }

  @Test(
    "a name that is left is found: in a column that is replaced, and anywhere else in the bytes")
  func leftovers() throws {
    let file = try newFile()
    try file.writing { db in
      try db.execute(
        sql: """
          INSERT INTO machine VALUES (1, 'web1-frontend', 'guest');
          INSERT INTO task VALUES (1, 7, 'billing'), (2, 8, 'db'), (3, 9, 'CPU 0/KVM');
          """)
      return .commit
    }
    let redactor = Redactor(key: Self.key)
    _ = try redactor.apply(to: file)
    let clean = try redactor.leftovers(in: file)
    #expect(clean.words == [])
    #expect(clean.soughtInBytes == 2 && clean.soughtInColumns == 1)
    try file.writing { db in
      try db.execute(
        sql: """
          INSERT INTO incident_state VALUES ('note', 'by billing');
          INSERT INTO task VALUES (4, 9, 'db');
          """)
      return .commit
    }
    #expect(try redactor.leftovers(in: file).words == ["billing", "db"])
  }

  @Test("what only looks like a word where two values meet is none; the same bytes within one are")
  func borders() throws {
    let path = try Repository.temporaryFolder().appending(path: "bytes").path
    try Data("..present data0..present-data0..".utf8).write(to: URL(filePath: path))
    let hits = try ByteSearch(["data0"]).hits(inFileAt: path)
    let borders = ValueBorders(["present data", "0.."])
    #expect(try hits.map { try borders.cross($0, inFileAt: path) } == [true, false])
  }

  @Test("rows that grow leave nothing in the gaps of their pages")
  func gaps() throws {
    let file = try newFile()
    try file.writing { db in
      for number in 1...3_000 {
        try db.execute(
          sql: "INSERT INTO task VALUES (?, ?, ?)",
          arguments: [number, number, "job\(number % 700).sh"])
      }
      return .commit
    }
    let redactor = Redactor(key: Self.key)
    _ = try redactor.apply(to: file)
    let left = try redactor.leftovers(in: file)
    #expect(left.words == [] && left.soughtInBytes > 500)
    let bytes = try Data(contentsOf: URL(filePath: file.path))
    for number in 100..<700 {
      #expect(bytes.range(of: Data("job\(number)".utf8)) == nil, "\(number)")
    }
  }
}
