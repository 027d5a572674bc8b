/// The sentences of a text, as a reader counts them.
public enum Sentences {
  /// They end with a point, a blank behind it, and go on with another; the points of numbers and `...` do not end one.
  public static func of(_ text: String) -> [String] {
    text.replacing("... ", with: "...\u{A0}").replacing(/([.!?])\s/) { "\($0.1)\n" }
      .split(separator: "\n").map(String.init)
  }

  /// Words; commands in quotes and what stands in brackets are read as one.
  public static func words(of sentence: String) -> Int {
    sentence.replacing(/'[^']* [^']*'/, with: "command").replacing(/\([^()]*\)/, with: "")
      .split(whereSeparator: \.isWhitespace).count
  }
}
