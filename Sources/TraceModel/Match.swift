/// How sure a match of a guest's request with the host's is, and of what kind.
public enum MatchGrade: Int, CodedVocabulary {
  /// One guest request, one host bio, no other assignment.
  case exact = 0
  /// Several guest requests in one host request.
  case merged
  /// One guest request in several host requests.
  case split
  /// The same blocks in flight more than once: which is whose cannot be told.
  case ambiguous
  /// Completed without the host's device: its page cache took it.
  case absorbed
  /// No host side.
  case unmatched

  /// The name in views and JSON.
  public var name: String {
    switch self {
    case .exact: "exact"
    case .merged: "merged"
    case .split: "split"
    case .ambiguous: "ambiguous"
    case .absorbed: "absorbed"
    case .unmatched: "unmatched"
    }
  }

  /// Whether the host's requests are certainly those of the guest's.
  public var isCertain: Bool {
    switch self {
    case .exact, .merged, .split: true
    case .ambiguous, .absorbed, .unmatched: false
    }
  }

  /// The grades of certain matches.
  public static let certain = allCases.filter(\.isCertain)
}

/// Why a guest's request has no host side.
public enum UnmatchedReason: Int, CodedVocabulary {
  /// The host's (or the guest's) trace had not begun.
  case beforeStart = 0
  /// The host's (or the guest's) trace had ended.
  case afterEnd
  /// Its events, or those of its host side, fall into a hole of a trace.
  case lostEvents
  /// It is not known where its sectors lie on the host.
  case noMapping
  /// Nothing on the host fits.
  case noCandidate
  /// The host's page cache had it.
  case absorbed

  /// The name in views and JSON.
  public var name: String {
    switch self {
    case .beforeStart: "before_start"
    case .afterEnd: "after_end"
    case .lostEvents: "lost_events"
    case .noMapping: "no_mapping"
    case .noCandidate: "no_candidate"
    case .absorbed: "absorbed"
    }
  }

  /// In a table.
  public var words: String {
    switch self {
    case .beforeStart: "before a trace began"
    case .afterEnd: "after a trace ended"
    case .lostEvents: "events were lost"
    case .noMapping: "place on the host unknown"
    case .noCandidate: "nothing on the host fits"
    case .absorbed: "the host's page cache"
    }
  }

  /// Whether it lies, in part or whole, outside a trace: nothing could have been matched.
  public var isOutside: Bool { self == .beforeStart || self == .afterEnd }

  /// The reasons of requests outside a trace.
  public static let outside = allCases.filter(\.isOutside)
}

/// What became of matching a guest's disk with its host.
public enum JoinVerdict: String, Vocabulary {
  /// The hops are known.
  case joined
  /// No trace of a host's device shows it, but QEMU's own trace does: the hops end at QEMU's backend.
  case joinedWithQEMU = "joined_qemu"
  /// No trace of a host's device.
  case noHost = "no_host"
  /// The disk has no requests to join.
  case noRequests = "no_requests"
  /// No place on any host device fits: not this host, or its files are missing.
  case noMapping = "no_mapping"
  /// Several places on a host device fit alike: a short stream of requests fits at each of its steps.
  case severalPlaces = "several_places"
  /// Its requests follow each other or come back to few blocks, so that their addresses show no place.
  case noPattern = "no_pattern"
  /// The host's traces show no bio from `Q` to `C`, so that it is not known when requests left the virtio queue.
  case noHostBios = "no_host_bios"
  /// A place was found, but the requests do not go together under any clock.
  case noClock = "no_clock"

  /// Whether its I/Os were followed below the guest.
  public var isFollowed: Bool { self == .joined || self == .joinedWithQEMU }
}
