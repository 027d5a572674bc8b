internal import TraceModel

/// The matches of a disk's requests, by the place of the request; nil where nothing fits. In eight bytes each: nearly all
/// have one piece.
struct MatchList: RandomAccessCollection, MutableCollection {
  private struct Packed {
    /// The first piece; -1 for none.
    var lead: Int32 = -1
    /// One more than the grade's number; 0 where there is no match.
    var grade: UInt8 = 0
    var hasSeveral = false
  }

  private var packed: [Packed]
  /// The pieces of those that have several, by place.
  private var several: [Int: PieceList] = [:]

  /// Of so many requests, none of which has a match.
  init(count: Int) { packed = [Packed](repeating: Packed(), count: count) }

  var startIndex: Int { 0 }
  var endIndex: Int { packed.count }

  subscript(place: Int) -> RequestMatching.Match? {
    get {
      let own = packed[place]
      guard own.grade > 0, let grade = MatchGrade(rawValue: Int(own.grade) - 1) else { return nil }
      if own.hasSeveral, let pieces = several[place] {
        return RequestMatching.Match(grade: grade, pieces: pieces)
      }
      return RequestMatching.Match(
        grade: grade, pieces: own.lead < 0 ? PieceList() : PieceList(own.lead))
    }
    set {
      if packed[place].hasSeveral { several[place] = nil }
      guard let match = newValue else {
        packed[place] = Packed()
        return
      }
      let hasSeveral = match.pieces.count > 1
      packed[place] = Packed(
        lead: match.pieces.first ?? -1, grade: UInt8(match.grade.rawValue + 1),
        hasSeveral: hasSeveral)
      if hasSeveral { several[place] = match.pieces }
    }
  }
}
