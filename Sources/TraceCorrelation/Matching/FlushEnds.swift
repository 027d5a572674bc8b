/// Says which completion is whose, of flushes that were at a host's device together.
///
/// Their `C  FN 0 [0]` have no address, so that the trace alone pairs them by order of arrival. But the guest
/// whose flush it is had it back later: most of the ends of a group fit one flush only.
struct FlushEnds {
  /// A host flush that wants an end.
  struct Claim {
    /// Its place in the device's rows.
    let row: Int32
    /// `Q`, `D`, and the `C` that came by order, ns on the reference.
    let queued: Int64
    let issued: Int64
    let end: Int64
    /// When its guest had it back at the latest, and how long that was after its `D`; nil where no guest is
    /// known.
    var guest: (high: Int64, duration: Int64)?

    func fits(_ end: Int64) -> Bool {
      guard end >= issued else { return false }
      guard let guest else { return true }
      // H3 as a whole needs no offset: below zero it proves a wrong match.
      return end <= guest.high && end - queued <= guest.duration
    }
  }

  /// An end, and whether no other fits.
  struct End {
    let time: Int64
    let isCertain: Bool
  }

  /// The end of each, by row; none where what is known contradicts itself.
  private(set) var ends: [Int32: End] = [:]

  /// Flushes that may have been at the device together; of more nothing is certain.
  private static let mostTogether = 64

  /// Settles the ends of all flushes of a device that were there with others.
  init(_ claims: [Claim]) {
    let claims = claims.sorted { ($0.issued, $0.row) < ($1.issued, $1.row) }
    var group: [Claim] = []
    var last = Int64.min
    for claim in claims {
      if claim.issued > last, !group.isEmpty {
        settle(group)
        group = []
      }
      group.append(claim)
      last = max(last, claim.end)
    }
    if !group.isEmpty { settle(group) }
  }

  private mutating func settle(_ group: [Claim]) {
    var open = group
    var times = group.map(\.end).sorted()
    var isSettling = group.count <= Self.mostTogether
    while isSettling {
      isSettling = false
      for (place, claim) in open.enumerated().reversed() {
        let fitting = times.indices.filter { claim.fits(times[$0]) }
        guard let only = fitting.first, fitting.count == 1 else { continue }
        ends[claim.row] = End(time: times.remove(at: only), isCertain: true)
        open.remove(at: place)
        isSettling = true
      }
      for (place, time) in times.enumerated().reversed() {
        let fitting = open.indices.filter { open[$0].fits(time) }
        guard let only = fitting.first, fitting.count == 1 else { continue }
        ends[open.remove(at: only).row] = End(time: time, isCertain: true)
        times.remove(at: place)
        isSettling = true
      }
    }
    // The rest: each end to the one that cannot wait.
    for time in times {
      let next = open.indices.filter { open[$0].fits(time) }.min {
        (open[$0].guest?.high ?? .max, $0) < (open[$1].guest?.high ?? .max, $1)
      }
      if let next { ends[open.remove(at: next).row] = End(time: time, isCertain: false) }
    }
  }
}
