/// Stretches of time that a person named, on the timeline of a guest's I/Os, ns.
public struct NamedWindows: Sendable, Equatable {
  /// When its users complained: never the baseline.
  public var symptom: Range<Int64>?
  /// When things were as usual: the baseline, with what is like it.
  public var baseline: Range<Int64>?

  /// Nil: not named.
  public init(symptom: Range<Int64>? = nil, baseline: Range<Int64>? = nil) {
    (self.symptom, self.baseline) = (symptom, baseline)
  }

  /// Whether nothing was named.
  public var isEmpty: Bool { symptom == nil && baseline == nil }

  /// The same as far as it lies in a span.
  func clamped(to span: Range<Int64>) -> NamedWindows {
    func part(_ window: Range<Int64>?) -> Range<Int64>? {
      window.map { $0.clamped(to: span) }.flatMap { $0.isEmpty ? nil : $0 }
    }
    return NamedWindows(symptom: part(symptom), baseline: part(baseline))
  }

  /// Whether a stretch belongs to a window rather than to the rest: most of either of the two is in the other.
  static func belongs(_ stretch: Range<Int64>, to window: Range<Int64>?) -> Bool {
    guard let window else { return false }
    let common = stretch.clamped(to: window)
    let shorter = min(
      stretch.upperBound - stretch.lowerBound, window.upperBound - window.lowerBound)
    return common.upperBound - common.lowerBound > shorter / 2
  }

  /// The ends of those windows that no change between two phases tells from the rest: there the capture is cut for no
  /// other reason than that somebody said so.
  func edges(_ phases: [Range<Int64>]) -> [Int64] {
    [symptom, baseline].flatMap { window -> [Int64] in
      guard let window else { return [] }
      let own = phases.count { Self.belongs($0, to: window) }
      return own > 0 && own < phases.count ? [] : [window.lowerBound, window.upperBound]
    }
  }
}
