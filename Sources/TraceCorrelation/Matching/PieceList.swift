/// A few places of the host's pieces: one, mostly, which then takes no memory of its own.
struct PieceList: RandomAccessCollection, Equatable {
  /// The first; -1 where there is none.
  private let lead: Int32
  /// All, where there are several.
  private let several: [Int32]?

  /// None.
  init() { (lead, several) = (-1, nil) }

  /// One.
  init(_ piece: Int32) { (lead, several) = (piece, nil) }

  /// Those of an array.
  init(_ pieces: [Int32]) {
    lead = pieces.first ?? -1
    several = pieces.count > 1 ? pieces : nil
  }

  var startIndex: Int { 0 }
  var endIndex: Int { several?.count ?? (lead < 0 ? 0 : 1) }

  subscript(index: Int) -> Int32 { several?[index] ?? lead }
}
