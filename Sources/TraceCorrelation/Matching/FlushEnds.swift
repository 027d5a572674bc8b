/// Says which completion is whose, of flushes that were at a host's device together.
///
/// Their `C  FN 0 [0]` have no address, so that the trace alone pairs them by order of arrival. But the guest
/// whose flush it is had it back later: most of the ends of a group fit one flush only.
struct FlushEnds {
  /// Until when a guest had its flush back at the latest, ns on the reference, and how long that was after its
  /// `D`.
  struct Window {
    let high: Int64
    let duration: Int64

    /// Whether a host flush may have been the guest's, by its end.
    func holds(from queued: Int64, to end: Int64) -> Bool {
      // H3 as a whole needs no offset: below zero it proves a wrong match.
      end <= high && end - queued <= duration
    }
  }

  /// A host flush that wants an end.
  struct Claim {
    /// Its place in the device's rows.
    let row: Int32
    /// `Q`, ns on the reference; `D` for one that the block layer sent by itself.
    let queued: Int64
    /// `D`.
    let issued: Int64
    /// The `C` that came by order; nil where there was none left.
    let end: Int64?
    /// Of the guest whose it is; nil where none is known.
    var guest: Window?

    func fits(_ end: Int64) -> Bool {
      end >= issued && guest?.holds(from: queued, to: end) ?? true
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
      last = max(last, claim.end ?? .max)
    }
    if !group.isEmpty { settle(group) }
  }

  private mutating func settle(_ group: [Claim]) {
    guard group.count <= Self.mostTogether else {
      for claim in group {
        guard let end = claim.end, claim.fits(end) else { continue }
        ends[claim.row] = End(time: end, isCertain: false)
      }
      return
    }
    var open = group
    var times = group.compactMap(\.end).sorted()
    var isSettling = true
    while isSettling {
      isSettling = false
      // One that no guest is known to have had back may never have ended.
      for (place, claim) in open.enumerated().reversed() where claim.guest != nil {
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
