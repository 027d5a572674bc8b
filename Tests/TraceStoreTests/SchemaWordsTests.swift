import GRDB
import Testing
import TraceModel

@testable import TraceStore

/// What the files of `schema/` take from the program's vocabularies.
struct SchemaWordsTests {
  /// A number for each combination of bits, so that the program and its SQL can be compared.
  private func texts(_ expression: String, bits: Int) throws -> [String] {
    try DatabaseQueue().read { db in
      try String.fetchAll(
        db,
        sql: """
          WITH RECURSIVE number (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM number WHERE n + 1 < \(bits))
          SELECT \(expression) FROM number ORDER BY n
          """)
    }
  }

  @Test("nothing is left to fill in, but in what is for ClickHouse")
  func complete() {
    for file in Schema.files where !file.path.hasPrefix("fleet/") {
      #expect(!file.text.contains("{{"), "\(file.path)")
    }
    #expect(SchemaWords.fill("{{word Unknown n}} {{at}} {{") == "{{word Unknown n}} {{at}} {{")
  }

  @Test("a number becomes its word; a number of no word, or of an empty one, becomes NULL")
  func words() throws {
    #expect(
      SchemaWords.fill("{{word UnmatchedReason io.match_reason}}")
        == "CASE io.match_reason WHEN 0 THEN 'before_start' WHEN 1 THEN 'after_end' "
        + "WHEN 2 THEN 'lost_events' WHEN 3 THEN 'no_mapping' WHEN 4 THEN 'no_candidate' "
        + "WHEN 5 THEN 'absorbed' END")
    #expect(
      SchemaWords.fill("-- {{words BlockOperation}}.")
        == "-- 'read', 'write', 'flush', 'discard' or 'other'.")
    #expect(
      SchemaWords.fill("{{code MatchGrade absorbed}}, {{certain}}")
        == "4, ('exact', 'merged', 'split')")
    let causes = try texts("coalesce({{word WaitCause n}}, '-')".filled, bits: 6)
    #expect(causes == ["-", "woken", "created", "preempted", "yielded", "-"])
  }

  @Test("RWBS bits become the letters, in the order of the kernel")
  func letters() throws {
    let texts = try texts("{{rwbs n}}".filled, bits: 1 << 14)
    func text(_ flags: RWBS) -> String { texts[Int(flags.rawValue)] }
    #expect(text([]) == "")
    #expect(text([.write, .sync]) == "WS")
    #expect(text([.preflush, .write, .fua, .sync, .meta]) == "FWFSM")
    #expect(text([.discard, .secureErase]) == "DE")
    #expect(text([.flush, .noData]) == "NF")
    #expect(Set(RWBS.letters.map(\.flag.rawValue)).count == 14)
    for (bits, text) in texts.enumerated() { #expect(text.count == bits.nonzeroBitCount) }
  }

  @Test("views and program call a request the same, whatever its letters and traits")
  func operations() throws {
    let known: [(RequestTraits, RWBS, BlockOperation)] = [
      ([], .read, .read), ([], [.write, .sync], .write), ([], [.discard, .sync], .discard),
      (.flush, [], .flush), (.flush, .read, .flush), ([], [.flush, .write], .flush),
      (.passthrough, .read, .other), ([], [], .other), (.passthrough, .discard, .other),
    ]
    for (traits, rwbs, operation) in known {
      var request = BlockRequest()
      (request.traits, request.rwbs) = (traits, rwbs)
      #expect(request.operation == operation, "\(traits) \(rwbs)")
    }
    for traits: RequestTraits in [[], .flush, .passthrough, [.flush, .passthrough], .requeued] {
      let sql = "{{operation row}}".filled.replacing("row.traits", with: "\(traits.rawValue)")
      let names = try texts(sql.replacing("row.rwbs", with: "n"), bits: 1 << 14)
      for (bits, name) in names.enumerated() {
        var request = BlockRequest()
        (request.traits, request.rwbs) = (traits, RWBS(rawValue: UInt16(bits)))
        #expect(request.operation.name == name, "\(traits) \(bits)")
      }
    }
  }

  @Test(
    "views and program see the same role and virtual CPU in a name",
    arguments: [
      ("CPU 3/KVM", ThreadRole.vcpu, 3), ("CPU 12/TCG", .vcpu, 12), ("CPU 0/MSHV", .vcpu, 0),
      ("CPU x/KVM", nil, nil), ("CPU 3/LVM", nil, nil), ("fc_vcpu 1", .vcpu, 1),
      ("crosvm_vcpu2", .vcpu, 2), ("vcpu7", .vcpu, 7), ("vcpus", nil, nil),
      ("vhost-174", .vhost, nil), ("vhost-user", nil, nil), ("IO iothread1", .iothread, nil),
      ("IO mon_iothread", .emulator, nil), ("qemu-system-x86", nil, nil), ("", nil, nil),
    ])
  func threads(_ name: String, _ role: ThreadRole?, _ vcpu: Int64?) throws {
    #expect(Hypervisor.role(ofThread: name) == role)
    #expect(Hypervisor.vcpu(ofThread: name) == vcpu)
    let sql = "SELECT {{role comm}}, {{vcpu comm}} FROM (SELECT ? AS comm)".filled
    let row = try #require(
      try DatabaseQueue().read { try Row.fetchOne($0, sql: sql, arguments: [name]) })
    let (seenRole, seenVCPU): (String?, Int64?) = (row[0], row[1])
    #expect(seenRole == role?.name)
    #expect(seenVCPU == vcpu)
  }

  @Test(
    "a process is a hypervisor's by its name, as the kernel keeps it and as numastat writes it",
    arguments: [
      ("qemu-system-x86", true), ("qemu-kvm", true), ("kvm", true), ("kvm-nx-lpage", false),
      ("firecracker", true), ("cloud-hyperviso", true), ("crosvm", true), ("bash", false),
      ("", false),
    ])
  func processes(_ name: String, _ isHypervisor: Bool) {
    #expect(Hypervisor.isProcess(name) == isHypervisor)
    #expect(Hypervisor.isProcess(inParentheses: "(\(name))") == isHypervisor)
    #expect(!Hypervisor.isProcess(inParentheses: name))
  }

  @Test("a name that numastat has cut is still that of a hypervisor, unless too little is left")
  func cut() {
    for name in ["(qemu-sys", "(cloud-hyper", "(firecrac"] {
      #expect(Hypervisor.isProcess(inParentheses: name))
    }
    for name in ["(qem", "(", "(bash", "(cloud-init"] {
      #expect(!Hypervisor.isProcess(inParentheses: name))
    }
  }

  @Test("a table takes the words of a vocabulary, and no others")
  func tables() throws {
    let tables = try #require(Schema.files.first { $0.path == "tables.sql" }).text
    for check in [
      "layer IN \(SQLText.list(Layer.allCases))",
      "severity IN \(SQLText.list(ProblemSeverity.allCases))",
      "severity IN \(SQLText.list(Finding.Severity.allCases))",
      "confidence IN \(SQLText.list(Finding.Confidence.allCases))",
      "role IN \(SQLText.list(ThreadRole.ofGuests))",
      "op IN \(SQLText.list(QEMURequest.Operation.allCases))",
      "op IN (\(QEMURequest.Operation.allCases.map { "\($0.rawValue)" }.joined(separator: ", ")))",
    ] {
      #expect(tables.contains("CHECK (\(check))"), "\(check)")
    }
    let grades = MatchGrade.allCases.map { "\($0.rawValue) \($0.name)" }.joined(separator: ", ")
    let reasons = UnmatchedReason.allCases.map { "\($0.rawValue) \($0.name)" }
    #expect(tables.contains("-- \(grades)\n"))
    #expect(tables.contains("-- \(reasons.joined(separator: ", "))\n"))
  }

  @Test("words are told apart, and lead back to their member")
  func vocabularies() {
    func check<Word: Vocabulary>(_ type: Word.Type) {
      let names = type.allCases.map(\.name)
      #expect(Set(names).count == names.count, "\(type)")
      for word in type.allCases { #expect(type.init(name: word.name) == word) }
      #expect(type.init(name: "cellar") == nil)
    }
    check(Hop.self)
    check(BlockAction.self)
    check(BlockOperation.self)
    check(CulpritClass.self)
    check(JoinVerdict.self)
    check(LeaveReason.self)
    check(MatchGrade.self)
    check(SchedEventKind.self)
    check(Stage.self)
    check(ThreadRole.self)
    check(UnmatchedReason.self)
    check(WaitCause.self)
  }
}

extension String {
  fileprivate var filled: String { SchemaWords.fill(self) }
}
