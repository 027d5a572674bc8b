/// Text that comes from a trace or a path, made harmless for a terminal or a document: control characters
/// (escapes among them) and marks that turn the direction of writing are shown by their code.
public enum Printable {
  /// The text with what could act on a terminal or reader spelled out.
  public static func text(_ raw: String) -> String {
    guard raw.unicodeScalars.contains(where: isDangerous) else { return raw }
    var text = ""
    for scalar in raw.unicodeScalars {
      if isDangerous(scalar) {
        text += "\\u{" + String(scalar.value, radix: 16) + "}"
      } else {
        text.unicodeScalars.append(scalar)
      }
    }
    return text
  }

  private static func isDangerous(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0..<0x20, 0x7F..<0xA0: true
    case 0x200B...0x200F, 0x2028...0x202E, 0x2060...0x206F, 0xFEFF: true
    default: false
    }
  }
}
