internal import TraceModel

/// Sums the times of virtual CPUs in their guests, and out of them by reason.
struct KVMFolding {
  private struct State {
    var sums: KVMExits
    /// Since when it is in the guest, or out of it.
    var since: Int64 = 0
    var phase = Phase.unknown
    var reason = ""
  }

  private enum Phase {
    /// Not seen yet, or events were lost.
    case unknown
    case inGuest
    case exited
  }

  private var states: [UInt32: State] = [:]
  /// Names come from the trace: a hostile one has no end of them.
  private static let mostReasons = 256
  private static let mostThreads = 65_536

  /// Whether a thread is followed, or can be.
  func hasRoom(for tid: UInt32) -> Bool { states.count < Self.mostThreads || states[tid] != nil }

  /// Takes an exit with its reason, or, without one, an entry; the virtual CPU where it is known.
  mutating func add(_ tid: UInt32, at time: Int64, exitedBy reason: String?, vcpu: Int64?) {
    var state = states.removeValue(forKey: tid) ?? State(sums: KVMExits(tid: tid, at: time))
    defer { states[tid] = state }
    let length = time - state.since
    if let reason {
      if state.phase == .inGuest, length >= 0 {
        state.sums.guest.add(saturating: length)
        state.sums.entries += 1
      }
      state.phase = .exited
      state.reason = reason
    } else {
      if state.phase == .exited, length >= 0 {
        let isKnown = state.sums.reasons[state.reason] != nil
        let name =
          isKnown || state.sums.reasons.count < Self.mostReasons ? state.reason : "(others)"
        state.sums.reasons[name, default: KVMExits.Reason()].add(length)
      }
      state.phase = .inGuest
    }
    state.since = time
    state.sums.first = min(state.sums.first, time)
    state.sums.last = max(state.sums.last, time)
    if state.sums.vcpu < 0, let vcpu { state.sums.vcpu = vcpu }
  }

  /// Events were lost: nobody knows where the virtual CPUs are.
  mutating func lost() {
    for tid in states.keys { states[tid]?.phase = .unknown }
  }

  /// What was seen, by thread.
  var sums: [KVMExits] { states.values.map(\.sums).sorted { $0.tid < $1.tid } }
}
