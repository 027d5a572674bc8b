/// What an incident shows, in one sentence, with the query that proves it.
public struct Finding: Sendable, Equatable {
  /// What kind of finding it is; scripts rely on the names. The rule that finds it declares it, in its own file.
  public struct Code: Hashable, Sendable {
    /// The word in views and JSON: `STEAL_HIDDEN`.
    public let rawValue: String

    /// A code as the source has it. One of a file is looked up among those of the rules.
    public init(_ word: StaticString) { rawValue = word.description }
  }

  /// How much it matters.
  public enum Severity: String, Vocabulary, Comparable {
    /// Good to know.
    case info
    /// Worth acting on.
    case warning
    /// Accounts for much of what the users felt.
    case critical

    /// The less severe one first.
    public static func < (left: Severity, right: Severity) -> Bool { left.rank < right.rank }

    private var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }
  }

  /// How sure it is.
  public enum Confidence: String, Vocabulary {
    /// It cannot be judged from these files; the next step says which one would tell.
    case none
    /// An association.
    case low
    /// Measured, with a caveat that `because` names.
    case medium
    /// Measured.
    case high
  }

  /// When it was so, where, and what it cost.
  public struct Extent: Sendable, Equatable {
    /// Its first moment, ns on the reference timeline; nil where that is not known.
    public var from: Int64?
    /// Its end, ns on the reference timeline; nil where that is not known.
    public var to: Int64?
    /// By how much ``from`` may be off, ns. Not stored.
    public var error: Int64
    /// Whether it began within the capture. Not stored.
    public var hasOnset: Bool
    /// What the guest's I/Os lost by it, all together, ns; nil where that is not known.
    public var explains: Int64?
    /// The disks and devices that it is about, as ``place(_:_:)`` names them; none: all of the guest. Not stored.
    public var places: Set<String>

    /// An extent.
    public init(
      from: Int64? = nil, to: Int64? = nil, error: Int64 = 0, hasOnset: Bool = false,
      explains: Int64? = nil, places: Set<String> = []
    ) {
      (self.from, self.to, self.error) = (from, to, error)
      (self.hasOnset, self.explains, self.places) = (hasOnset, explains, places)
    }

    /// The name of a machine's device.
    public static func place(_ machine: String, _ device: String) -> String {
      "\(machine) \(device)"
    }
  }

  /// What its statement returned, as SQLite prints it.
  public struct Returned: Sendable, Equatable {
    /// How many rows and columns are kept: enough for those that a sentence names.
    public static let (mostRows, mostColumns) = (4, 40)

    /// The names of the columns.
    public var columns: [String]
    /// The first rows, each with a value for every column; nil for NULL.
    public var rows: [[String?]]

    /// The first rows of a result.
    public init(columns: [String], rows: [[String?]]) {
      (self.columns, self.rows) = (columns, rows)
    }
  }

  /// What kind it is.
  public var code: Code
  /// How much it matters.
  public var severity: Severity
  /// The guest it is about; nil when it is about none.
  public var guest: String?
  /// What is so, with its numbers and their units.
  public var sentence: String
  /// How sure it is.
  public var confidence: Confidence
  /// The reason for that confidence: bounds, shares matched, what was lost.
  public var because: String
  /// One statement over the documented views that returns the numbers of the sentence; nil where the numbers are of a part
  /// of the capture and in no table of the file: ``because`` says so.
  public var evidenceSQL: String?
  /// What that statement returned; nil where there is none, or it was not run.
  public var returned: Returned?
  /// What to do now.
  public var nextStep: String
  /// When it was so, where, and what it cost.
  public var extent: Extent
  /// Its place among all findings, from 1; nil before they are put in order.
  public var rank: Int?
  /// The place of the finding whose consequence it is; nil where it stands for itself.
  public var consequenceOf: Int?

  /// A finding.
  public init(
    _ code: Code, _ severity: Severity, guest: String?, sentence: String, confidence: Confidence,
    because: String, evidenceSQL: String?, nextStep: String, extent: Extent = Extent()
  ) {
    self.code = code
    self.severity = severity
    self.guest = guest
    self.sentence = sentence
    self.confidence = confidence
    self.because = because
    self.evidenceSQL = evidenceSQL
    self.nextStep = nextStep
    self.extent = extent
  }
}

extension [Finding] {
  /// Each with its consequences, in their order. One whose cause is not among them stands for itself.
  public var grouped: [(finding: Finding, consequences: [Finding])] {
    let ranks = Set(compactMap(\.rank))
    func cause(_ finding: Finding) -> Int? {
      finding.consequenceOf.flatMap { ranks.contains($0) ? $0 : nil }
    }
    let consequences = Dictionary(grouping: self, by: cause)
    return (consequences[nil] ?? []).map { finding in
      (finding, finding.rank.flatMap { consequences[$0] } ?? [])
    }
  }
}
