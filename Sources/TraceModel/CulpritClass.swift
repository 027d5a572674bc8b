/// What kind of neighbour ran while a thread waited, as the view `culprit` names it.
public enum CulpritClass: String, Vocabulary {
  /// A process of the host.
  case host
  /// A thread of another guest.
  case guest
  /// A thread of the same guest.
  case sibling
  /// The kernel: one of its threads, or the CPU's way out of idle.
  case kernel
  /// The CPU was idle although the thread could run: held back by a quota.
  case throttled
  /// Nobody that the trace shows.
  case unknown

  /// Beside a colour.
  public var label: String {
    switch self {
    case .throttled: "idle"
    case .unknown: "?"
    case .host, .guest, .sibling, .kernel: name
    }
  }
}
