internal import GRDB
internal import TraceModel

/// How a source's clock relates to the reference timeline, as correlation stored it: piece by piece,
/// reference = own + offset_ns + drift_ppm * 1e-6 * own. In SQL this is the word `{{reference own source}}`.
public struct StoredClock: Sendable {
  /// A piece of it.
  struct Piece: Sendable {
    /// The own time from which it holds, ns.
    let from: Int64
    /// ns.
    let offset: Double
    let driftPPM: Double

    /// From an own time to its time on the reference timeline, ns. The ranges of the columns keep it within 64 bits.
    func distance(at own: Int64) -> Int64 {
      Int64((offset + ClockDrift.gain(driftPPM, over: own)).rounded())
    }
  }

  /// One at least, in the order of their beginnings.
  private let pieces: [Piece]

  /// Nil without pieces.
  init?(_ pieces: [Piece]) {
    guard !pieces.isEmpty else { return nil }
    self.pieces = pieces
  }

  /// The last that begins before; the first one for what lies before all.
  private func piece(at own: Int64) -> Piece {
    pieces.last { $0.from <= own } ?? pieces[0]
  }

  /// A moment of the source on the reference timeline, ns.
  public func reference(_ own: Int64) -> Int64 { Stamp.sum(own, piece(at: own).distance(at: own)) }

  /// The inverse, to a microsecond or so.
  public func own(_ reference: Int64) -> Int64 {
    let near = Stamp.sum(reference, -pieces[0].distance(at: reference))
    return Stamp.sum(reference, -piece(at: near).distance(at: near))
  }
}

extension IncidentFile {
  /// The clock of a source; nil where nothing ties it to the reference timeline.
  public func storedClock(of source: Int64) throws -> StoredClock? {
    StoredClock(
      try fetch(
        "SELECT from_ns, offset_ns, drift_ppm FROM clock WHERE source_id = ? ORDER BY from_ns",
        [source]
      ) { row -> StoredClock.Piece? in
        let from: Int64? = try row[0]
        let (offset, drift): (Double?, Double?) = try (row[1], row[2])
        guard let from, let offset, let drift else { return nil }
        return StoredClock.Piece(from: from, offset: offset, driftPPM: drift)
      }.compactMap(\.self))
  }
}
