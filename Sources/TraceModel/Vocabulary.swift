/// A closed set of words that views, JSON and the command line share. Each set is declared once, in this module; the
/// SQL of `schema/` is filled in from it.
public protocol Vocabulary: CaseIterable, Hashable, Sendable {
  /// The word in views and JSON; empty for what is NULL there.
  var name: String { get }
}

extension Vocabulary {
  /// The member of that name; nil for an unknown word.
  public init?(name: String) {
    guard let member = Self.allCases.first(where: { $0.name == name }) else { return nil }
    self = member
  }
}

extension Vocabulary where Self: RawRepresentable, RawValue == String {
  /// The word in views and JSON.
  public var name: String { rawValue }
}

/// A vocabulary of which the incident file holds numbers, and the views the words.
public protocol CodedVocabulary: Vocabulary, RawRepresentable where RawValue: FixedWidthInteger {}
