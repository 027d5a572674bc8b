internal import TraceModel

/// A piece of HTML or SVG. Text gets into it only escaped: there is no way to make one from a string that
/// came out of a trace but ``text(_:)`` and attribute values, and both escape.
struct Markup: Sendable {
  /// Names that the program itself writes, and values of any kind.
  typealias Attributes = KeyValuePairs<StaticString, String>

  /// The source.
  private(set) var source: String

  private init(source: String) { self.source = source }

  /// Nothing.
  static let empty = Markup(source: "")

  /// Text as readers shall see it, whatever it holds.
  static func text(_ text: String) -> Markup { Markup(source: escaped(text)) }

  /// An element with its content. The names of elements and attributes are the program's own.
  static func element(
    _ name: StaticString, at attributes: Attributes = [:], _ content: [Markup]
  ) -> Markup {
    Markup(
      source: opening(name, attributes) + ">" + content.map(\.source).joined() + "</\(name)>")
  }

  /// An element with text in it.
  static func element(
    _ name: StaticString, at attributes: Attributes = [:], _ content: String
  ) -> Markup {
    element(name, at: attributes, [.text(content)])
  }

  /// An element that has no content (`meta`, `rect`).
  static func single(_ name: StaticString, _ attributes: Attributes) -> Markup {
    Markup(source: opening(name, attributes) + "/>")
  }

  /// A page around its head and body.
  static func page(language: StaticString, _ content: [Markup]) -> Markup {
    Markup(
      source: "<!DOCTYPE html>\n" + element("html", at: ["lang": "\(language)"], content).source
        + "\n")
  }

  /// The program's own style sheet.
  static func style(_ sheet: StaticString) -> Markup {
    Markup(source: "<style>\(sheet)</style>")
  }

  /// Pieces one after the other, each on a line.
  static func lines(_ parts: [Markup]) -> Markup {
    Markup(source: parts.map { $0.source + "\n" }.joined())
  }

  private static func opening(
    _ name: StaticString, _ attributes: Attributes
  ) -> String {
    "<\(name)" + attributes.map { " \($0.key)=\"\(escaped($0.value))\"" }.joined()
  }

  /// What could act on a reader (controls, marks that turn the direction of writing) is spelled out, line by
  /// line; what means something in HTML is escaped.
  private static func escaped(_ text: String) -> String {
    var result = ""
    result.reserveCapacity(text.utf8.count)
    for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated()
    {
      if number > 0 { result += "\n" }
      for scalar in Printable.text(String(line)).unicodeScalars {
        switch scalar {
        case "&": result += "&amp;"
        case "<": result += "&lt;"
        case ">": result += "&gt;"
        case "\"": result += "&quot;"
        case "'": result += "&#39;"
        default: result.unicodeScalars.append(scalar)
        }
      }
    }
    return result
  }
}
