internal import TraceDigest
internal import TraceModel

/// Pseudonyms under a key: the same word gets the same one in every column of every incident that is
/// redacted with that key, and nobody without the key can tell which word it was, or try words.
struct Pseudonyms {
  private let key: [UInt8]
  /// What was replaced so far.
  private(set) var given: [String: String] = [:]
  private var owners: [String: String] = [:]

  /// Digits and letters that nobody mixes up (Crockford's 32).
  private static let alphabet = Array("0123456789abcdefghjkmnpqrstvwxyz")
  /// 40 bits: among 10,000 names two meet in 1 of 20,000 incidents, and then ``StoreError`` says so.
  private static let length = 8

  init(key: [UInt8]) { self.key = key }

  /// Whether it is one of those that were given.
  func isGiven(_ pseudonym: String) -> Bool { owners[pseudonym] != nil }

  /// The pseudonym of a word: `x` and eight letters or digits.
  mutating func pseudonym(of word: String) throws -> String {
    if let known = given[word] { return known }
    var text = "x"
    var bits: UInt64 = 0
    for byte in try code(of: word).prefix(5) { bits = bits << 8 | UInt64(byte) }
    for place in (0..<Self.length).reversed() {
      text.append(Self.alphabet[Int(truncatingIfNeeded: bits >> UInt64(5 * place)) & 31])
    }
    return try give(text, to: word)
  }

  /// The pseudonym of a hardware address. Its first byte stays, since the two ends of a tap differ in just
  /// that, and the others become those of another address.
  mutating func pseudonym(ofAddress address: String) throws -> String {
    let rest = String(address.dropFirst(3))
    if let known = given[rest] { return address.prefix(3) + known }
    let bytes = try code(of: rest.lowercased()).prefix(5).map { [$0].hexadecimal }
    return try address.prefix(3) + give(bytes.joined(separator: ":"), to: rest)
  }

  private func code(of word: String) throws -> [UInt8] {
    try SHA256.authenticationCode(of: Array(word.utf8), key: key)
  }

  private mutating func give(_ pseudonym: String, to word: String) throws -> String {
    if let other = owners[pseudonym], other.lowercased() != word.lowercased() {
      throw StoreError(
        .unexpected, "two names would get the same pseudonym under this key; use another key")
    }
    owners[pseudonym] = word
    given[word] = pseudonym
    return pseudonym
  }
}
