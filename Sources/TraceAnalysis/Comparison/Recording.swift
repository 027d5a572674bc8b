public import TraceStore

/// A run of a side of a comparison: an incident, or the part of it that lies in a window of time.
public struct Recording {
  /// The incident, correlated.
  let file: IncidentFile
  /// Moments of the guests' timeline, ns: the I/Os whose Q lies in it, and the intervals of other measurements that lie in it
  /// as a whole. Nil: all of the incident.
  let window: Range<Int64>?
  /// Only this guest, and what is about none.
  let guest: String?

  /// An incident, or a window of it.
  public init(_ file: IncidentFile, window: Range<Int64>? = nil, guest: String? = nil) {
    self.file = file
    self.window = window
    self.guest = guest
  }

  /// Whether an interval lies in it.
  func holds(_ from: Int64, _ to: Int64) -> Bool {
    guard let window else { return true }
    return window.lowerBound <= from && to <= window.upperBound
  }

  /// Whether it is about a guest, or about none.
  func isAbout(_ guest: String?) -> Bool {
    self.guest == nil || guest == nil || guest == self.guest
  }

  /// The condition on the view `io` that its I/Os meet, beside that of its guest.
  var condition: String {
    guard let window else { return "1" }
    return "coalesce(reference_ns, queued_at_ns) >= \(window.lowerBound) AND "
      + "coalesce(reference_ns, queued_at_ns) < \(window.upperBound)"
  }
}
