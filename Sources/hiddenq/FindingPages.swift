internal import SchemaText

/// The pages of docs/findings/, which the program carries.
enum FindingPages {
  /// All codes that have a page, in their order.
  static let codes = pages.map(\.code)

  /// The page of a code, in upper or lower case, as Markdown of 78 columns; nil where there is none.
  static func page(of code: String) -> String? {
    pages.first { $0.code == code.uppercased() }?.text
  }

  /// Whether a word may be meant as a code: no name of a file that people give an incident.
  static func isCode(_ word: String) -> Bool {
    !word.isEmpty && word.utf8.allSatisfy { $0 == UInt8(ascii: "_") || $0 | 0x20 &- 0x61 < 26 }
  }

  private static let pages = (0..<findingPageCount()).map { index in
    let page = unsafe findingPage(index)
    return unsafe (code: String(cString: page.code), text: String(cString: page.text))
  }
}
