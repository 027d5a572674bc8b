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
  /// What to do now.
  public var nextStep: String

  /// A finding.
  public init(
    _ code: Code, _ severity: Severity, guest: String?, sentence: String, confidence: Confidence,
    because: String, evidenceSQL: String?, nextStep: String
  ) {
    self.code = code
    self.severity = severity
    self.guest = guest
    self.sentence = sentence
    self.confidence = confidence
    self.because = because
    self.evidenceSQL = evidenceSQL
    self.nextStep = nextStep
  }
}
