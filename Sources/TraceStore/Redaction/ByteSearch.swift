internal import Foundation

/// Finds which of many texts stand anywhere in the bytes of a file, in one pass.
struct ByteSearch {
  /// A shorter text would be found in numbers that mean something else: four bytes meet by chance once in
  /// 4 GiB, five once in 1 TiB.
  static let shortest = 5

  private var texts: [UInt64: [[UInt8]]] = [:]
  private var mayBegin = [Bool](repeating: false, count: 1 << 16)
  private var longest = 0

  /// For these texts; those that are too short are left out.
  init(_ wanted: some Sequence<String>) {
    for text in wanted where text.utf8.count >= Self.shortest {
      let bytes = Array(text.utf8)
      let head = bytes.prefix(Self.shortest).reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
      texts[head, default: []].append(bytes)
      mayBegin[Self.slot(head)] = true
      longest = max(longest, bytes.count)
    }
  }

  /// A place where a text stands.
  struct Hit: Hashable {
    let text: String
    /// Of its first byte, from 0.
    let offset: Int
  }

  /// Places that are told of one text; more say nothing new.
  private static let mostHits = 100

  /// Where they stand.
  func hits(inFileAt path: String) throws -> [Hit] {
    guard longest > 0 else { return [] }
    guard let handle = FileHandle(forReadingAtPath: path) else {
      throw StoreError(.access, "cannot be read")
    }
    defer { try? handle.close() }
    var hits: Set<Hit> = []
    var counts: [String: Int] = [:]
    // The end of the last piece, in which a text may begin that goes on in the next.
    var bytes: [UInt8] = []
    var start = 0
    while let piece = try handle.read(upToCount: 1 << 20), !piece.isEmpty {
      bytes.append(contentsOf: piece)
      search(bytes.span) { text, offset in
        let hit = Hit(text: text, offset: start + offset)
        if counts[text, default: 0] < Self.mostHits, hits.insert(hit).inserted {
          counts[text, default: 0] += 1
        }
      }
      let passed = max(0, bytes.count - longest + 1)
      bytes.removeFirst(passed)
      start += passed
    }
    return hits.sorted { ($0.offset, $0.text) < ($1.offset, $1.text) }
  }

  /// Those that stand in a text.
  func found(in text: String) -> Set<String> {
    var found: Set<String> = []
    search(Array(text.utf8).span) { text, _ in found.insert(text) }
    return found
  }

  private func search(_ bytes: Span<UInt8>, _ found: (String, Int) -> Void) {
    var head: UInt64 = 0
    for index in bytes.indices {
      head = (head << 8 | UInt64(bytes[index])) & 0xFF_FFFF_FFFF
      guard index >= Self.shortest - 1, mayBegin[Self.slot(head)], let candidates = texts[head]
      else { continue }
      let start = index - Self.shortest + 1
      for text in candidates where start + text.count <= bytes.count {
        if text.indices.allSatisfy({ bytes[start + $0] == text[$0] }) {
          found(String(decoding: text, as: UTF8.self), start)
        }
      }
    }
  }

  private static func slot(_ head: UInt64) -> Int {
    Int(truncatingIfNeeded: (head &* 0x9E37_79B9_7F4A_7C15) >> 48)
  }
}
