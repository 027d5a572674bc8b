internal import Foundation

/// Tells words from what only looks like them where a value ends and the next begins: in an SQLite file
/// `present data` followed by a cell of 48 bytes reads `present data0`.
struct ValueBorders {
  /// A shorter value could stand beside anything.
  private static let shortest = 4
  /// Bytes that are looked at before and behind a place.
  private static let context = 4096

  private let values: [[UInt8]]

  /// For the texts that a file holds.
  init(_ texts: some Sequence<String>) {
    values = texts.map { Array($0.utf8) }.filter {
      (Self.shortest...Self.context).contains($0.count)
    }
  }

  /// Whether a value of the file begins or ends within a place.
  func cross(_ hit: ByteSearch.Hit, inFileAt path: String) throws -> Bool {
    guard let handle = FileHandle(forReadingAtPath: path) else {
      throw StoreError(.access, "cannot be read")
    }
    defer { try? handle.close() }
    let start = max(0, hit.offset - Self.context)
    try handle.seek(toOffset: UInt64(start))
    let length = hit.text.utf8.count
    let bytes = [UInt8](
      try handle.read(upToCount: hit.offset - start + length + Self.context) ?? Data())
    let inner = (hit.offset - start + 1)..<(hit.offset - start + length)
    return values.contains { value in
      inner.contains { border in
        Self.stands(value, at: border - value.count, in: bytes)
          || Self.stands(value, at: border, in: bytes)
      }
    }
  }

  private static func stands(_ value: [UInt8], at start: Int, in bytes: [UInt8]) -> Bool {
    start >= 0 && start + value.count <= bytes.count
      && value.indices.allSatisfy { bytes[start + $0] == value[$0] }
  }
}
