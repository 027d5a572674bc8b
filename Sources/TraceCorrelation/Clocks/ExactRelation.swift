/// A relation of two clocks that is known and not bounded, for both count the same counter: reference = own + offset, and
/// so much more for each ns since a moment.
public struct ExactRelation: Sendable, Equatable {
  /// A moment, own ns.
  public let own: Int64
  /// The same on the reference, ns.
  public let reference: Int64
  /// How much faster the reference runs, beyond 1.
  public let gain: Double

  /// Two cycles of a counter are less than this apart, and times are cut to whole ones, ns.
  public static let error: Int64 = 1

  /// A relation.
  public init(own: Int64, reference: Int64, gain: Double) {
    self.own = own
    self.reference = reference
    self.gain = gain
  }

  /// A moment of the own clock on the reference, ns.
  public func reference(at own: Int64) -> Int64 {
    let since = own - self.own
    return reference + since + Int64((gain * Double(since)).rounded())
  }

  /// A moment as a record of it would have it.
  func recorded(at own: Int64) -> RecordedMoment {
    let middle = reference(at: own)
    return RecordedMoment(own: own, reference: (middle - Self.error)...(middle + Self.error))
  }
}
