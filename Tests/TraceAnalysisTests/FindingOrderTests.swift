import Testing
import TraceModel

@testable import TraceAnalysis

/// The order in which findings are told, and which of them are consequences of others.
struct FindingOrderTests {
  private static let neighbour = Finding.Code.noisyCPUNeighbour
  private static let second: Int64 = 1_000_000_000

  /// A finding by its code, from one second to another.
  private static func finding(
    _ code: Finding.Code, _ severity: Finding.Severity = .warning, guest: String? = "vm1",
    at span: ClosedRange<Int64>? = nil, error: Int64 = 0, hasOnset: Bool = true, cost: Int64? = nil,
    places: Set<String> = [], confidence: Finding.Confidence = .high
  ) -> Finding {
    Finding(
      code, severity, guest: guest, sentence: "", confidence: confidence, because: "",
      evidenceSQL: nil, nextStep: "",
      extent: Finding.Extent(
        from: span.map { $0.lowerBound * second }, to: span.map { $0.upperBound * second },
        error: error, hasOnset: hasOnset, explains: cost, places: places))
  }

  /// `1 A, 2 B < 1`: rank and code, and the rank of the cause.
  private static func order(_ found: [(Finding, [Precursor])]) -> String {
    FindingOrder(found.map { (finding: $0.0, follows: $0.1) }).findings.map { finding in
      "\(finding.rank ?? 0) \(finding.code.rawValue)"
        + (finding.consequenceOf.map { " < \($0)" } ?? "")
    }.joined(separator: ", ")
  }

  @Test(
    "by what it costs, then by severity, then as the rules found it; what cannot be judged last")
  func order() {
    let (a, b, c, d) = (
      Finding.Code("A"), Finding.Code("B"), Finding.Code("C"), Finding.Code("D")
    )
    #expect(
      Self.order([
        (Self.finding(a, .info, confidence: .none), []), (Self.finding(b, .warning), []),
        (Self.finding(c, .critical), []), (Self.finding(d, .warning, cost: 5), []),
        (Self.finding(a, .warning), []), (Self.finding(b, .critical, cost: 9), []),
        (Self.finding(c, .info), []),
      ]) == "1 B, 2 D, 3 C, 4 B, 5 A, 6 C, 7 A")
  }

  @Test("a cause stands where its gravest consequence would")
  func gravest() {
    #expect(
      Self.order([
        (Self.finding(Finding.Code("A"), at: 1...2), []),
        (Self.finding(Self.neighbour, at: 8...26), []),
        (Self.finding(.stealHidden, .critical, at: 8...26), [Precursor(Self.neighbour)]),
      ]) == "1 NOISY_CPU_NEIGHBOUR, 2 STEAL_HIDDEN < 1, 3 A")
  }

  @Test("a suspicion hides nothing graver, but stands directly behind what it would explain")
  func suspicion() {
    let suspect = Self.finding(Self.neighbour, at: 8...26, confidence: .low)
    #expect(
      Self.order([
        (Self.finding(Finding.Code("A"), cost: 5), []), (suspect, []),
        (Self.finding(.stealHidden, .critical, at: 8...26, cost: 9), [Precursor(Self.neighbour)]),
      ]) == "1 STEAL_HIDDEN, 2 NOISY_CPU_NEIGHBOUR, 3 A")
    // As grave as that, it is its cause.
    #expect(
      Self.order([
        (Self.finding(Finding.Code("A"), cost: 5), []), (suspect, []),
        (Self.finding(.stealHidden, at: 8...26, cost: 9), [Precursor(Self.neighbour)]),
      ]) == "1 A, 2 NOISY_CPU_NEIGHBOUR, 3 STEAL_HIDDEN < 2")
  }

  @Test(
    "a consequence follows its cause: of the same guest, begun while it was there and not before")
  func time() {
    let steal = Finding.Code.stealHidden
    func order(_ own: Finding, _ cause: Finding) -> String {
      Self.order([(own, [Precursor(Self.neighbour)]), (cause, [])])
    }
    let cause = Self.finding(Self.neighbour, at: 8...26)
    let folded = "1 NOISY_CPU_NEIGHBOUR, 2 STEAL_HIDDEN < 1"
    let apart = "1 STEAL_HIDDEN, 2 NOISY_CPU_NEIGHBOUR"
    #expect(order(Self.finding(steal, at: 8...26), cause) == folded)
    // More severe than its cause, and still behind it.
    #expect(order(Self.finding(steal, .critical, at: 9...10), cause) == folded)
    #expect(order(Self.finding(steal, at: 7...26), cause) == apart)
    #expect(order(Self.finding(steal, at: 7...26, error: Self.second), cause) == folded)
    #expect(order(Self.finding(steal, at: 26...27), cause) == apart)
    #expect(order(Self.finding(steal), cause) == apart)
    // Of both nothing is known but that they held throughout.
    #expect(
      order(
        Self.finding(steal, hasOnset: false), Self.finding(Self.neighbour, hasOnset: false))
        == folded)
    #expect(order(Self.finding(steal, at: 8...26), Self.finding(Self.neighbour)) == apart)
    #expect(order(Self.finding(steal, guest: "vm2", at: 9...10), cause) == apart)
    // Information causes nothing.
    #expect(
      order(Self.finding(steal, at: 9...10), Self.finding(Self.neighbour, .info, at: 8...26))
        == apart)
  }

  @Test("a disk's finding is a consequence of one of the same disk or device alone")
  func place() {
    let stall = Finding.Code.deviceStall
    func order(_ places: Set<String>, _ cause: Set<String>) -> String {
      Self.order([
        (Self.finding(stall, at: 9...10, places: places), [Precursor(.noisyDiskNeighbour)]),
        (Self.finding(.noisyDiskNeighbour, at: 8...26, places: cause), []),
      ])
    }
    let folded = "1 NOISY_DISK_NEIGHBOUR, 2 DEVICE_STALL < 1"
    #expect(order(["host 7,6"], ["host 7,6", "vm1 253,0"]) == folded)
    #expect(order(["host 8,0"], ["host 7,6", "vm1 253,0"]) != folded)
    #expect(order([], ["host 7,6"]) == folded)
  }

  @Test("where an onset is needed, what was there throughout is no cause")
  func onset() {
    func order(hasOnset: Bool) -> String {
      Self.order([
        (
          Self.finding(.netDropBeforeWire, at: 9...10),
          [Precursor(Self.neighbour, needsOnset: true)]
        ),
        (Self.finding(Self.neighbour, at: 8...26, hasOnset: hasOnset), []),
      ])
    }
    #expect(order(hasOnset: true) == "1 NOISY_CPU_NEIGHBOUR, 2 NET_DROP_BEFORE_WIRE < 1")
    #expect(order(hasOnset: false) == "1 NET_DROP_BEFORE_WIRE, 2 NOISY_CPU_NEIGHBOUR")
  }

  @Test("a consequence of a consequence is told of the first cause, and causes of each other go on")
  func chains() {
    let (a, b, c) = (Finding.Code("A"), Finding.Code("B"), Finding.Code("C"))
    #expect(
      Self.order([
        (Self.finding(c, at: 3...4), [Precursor(b)]), (Self.finding(b, at: 2...4), [Precursor(a)]),
        (Self.finding(a, at: 1...4), []),
      ]) == "1 A, 2 C < 1, 3 B < 1")
    let circle = Self.order([
      (Self.finding(a, at: 1...4), [Precursor(b)]), (Self.finding(b, at: 1...4), [Precursor(a)]),
    ])
    #expect(circle.contains("A") && circle.contains("B"))
  }

  @Test("no rule is a consequence of its own consequence")
  func graph() {
    var follows: [Finding.Code: Set<Finding.Code>] = [:]
    for rule in allRules {
      let codes = rule.follows(Self.finding(rule.code, .critical)).map(\.code)
      follows[rule.code, default: []].formUnion(codes)
    }
    #expect(follows.values.contains { !$0.isEmpty })
    let known = Set(allRules.map(\.code))
    for code in known {
      var seen: Set<Finding.Code> = []
      var next = follows[code] ?? []
      while !next.isEmpty {
        seen.formUnion(next)
        next = Set(next.flatMap { follows[$0] ?? [] }).subtracting(seen)
      }
      #expect(!seen.contains(code), "\(code.rawValue)")
      #expect(seen.isSubset(of: known))
    }
  }

  @Test("one whose cause is not among them stands for itself")
  func groups() {
    let found: [(finding: Finding, follows: [Precursor])] = [
      (Self.finding(.stealHidden, at: 8...9), [Precursor(Self.neighbour)]),
      (Self.finding(Self.neighbour, at: 8...9), []), (Self.finding(.vmPaused, at: 8...9), []),
    ]
    var all = FindingOrder(found).findings
    func text() -> [String] {
      all.grouped.map { group in
        ([group.finding] + group.consequences).map(\.code.rawValue).joined(separator: " ")
      }
    }
    #expect(text() == ["NOISY_CPU_NEIGHBOUR STEAL_HIDDEN", "VM_PAUSED"])
    all.removeFirst()
    #expect(text() == ["STEAL_HIDDEN", "VM_PAUSED"])
  }
}
