public import TraceModel

extension CulpritClass {
  /// The class of a blame; `isThrottled`: a quota is seen to hold the victim or its fellows back.
  public init(
    _ occupant: Culprits.Occupant, victim: ThreadOwners.Owner?, culprit: ThreadOwners.Owner?,
    isThrottled: Bool
  ) {
    switch occupant {
    case .unseen: self = .unknown
    case .lingering: self = isThrottled ? .throttled : .kernel
    case .heldBack: self = .throttled
    case .wakingUp: self = .kernel
    case .thread:
      guard let culprit else {
        self = .host
        return
      }
      switch culprit.role {
      case .kernel: self = .kernel
      case .other: self = .host
      case .vcpu, .iothread, .vhost, .emulator:
        if let victim, victim.isOfSameGuest(as: culprit) {
          self = .sibling
        } else if culprit.role == .vhost, culprit.guest == nil {
          self = .kernel
        } else {
          self = .guest
        }
      }
    }
  }
}

/// Who is seen to be held back by a quota: it stops threads that run, not only those that are woken.
public struct Throttling: Sendable {
  private enum Group: Hashable {
    case process(Int64)
    case thread(Int64)
  }

  private var throttled: Set<Group> = []

  /// A quota shows in this share of a group's waits at least.
  private static let leastShare = 0.05
  /// And for so long at least, ns.
  private static let least: Int64 = 10_000_000

  /// Looks at all blame of a trace.
  public init(_ blame: [Culprits.Pair: Int64], owners: [Int64: ThreadOwners.Owner]) {
    var sums: [Group: (held: Int64, all: Int64)] = [:]
    for (pair, wait) in blame {
      let group = Self.group(pair.victim, owners)
      sums[group, default: (0, 0)].all.add(saturating: wait)
      if pair.occupant == .heldBack { sums[group, default: (0, 0)].held.add(saturating: wait) }
    }
    for (group, sum) in sums
    where sum.held >= Self.least && Double(sum.held) >= Self.leastShare * Double(sum.all) {
      throttled.insert(group)
    }
  }

  /// Whether a thread or its fellows are.
  public func holds(_ thread: Int64, owners: [Int64: ThreadOwners.Owner]) -> Bool {
    throttled.contains(Self.group(thread, owners))
  }

  private static func group(_ thread: Int64, _ owners: [Int64: ThreadOwners.Owner]) -> Group {
    owners[thread]?.process.map { .process($0) } ?? .thread(thread)
  }
}

extension ThreadOwners.Owner {
  func isOfSameGuest(as other: Self) -> Bool {
    if let guest, let theirs = other.guest { return guest == theirs }
    guard role.isOfGuest, let process, let theirs = other.process else {
      return false
    }
    return process == theirs
  }
}
