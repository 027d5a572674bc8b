internal import TraceModel

/// KVM's tracepoints: entries into guests and exits out of them, summed while they are read.
///
///     kvm:kvm_entry: vcpu 1, rip 0x7f2f06991dcf
///     kvm:kvm_exit: vcpu 1 reason msr rip 0xffffffff8107e914 info1 0x1 ...
///     kvm:kvm_exit: reason EPT_VIOLATION rip 0xffffffff810645e4 info 181 0
///     kvm:kvm_exit: TRAP: HSR_EC: 0x0001 (WFx), PC: 0xffff800010b0d2c4
///
/// What is between an exit and the next entry of the same thread is the hypervisor's, or a wait for a CPU.
final class KVMTracepoints: TracepointFamily {
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
  /// Names come from the text: a hostile one has no end of them.
  private static let mostReasons = 256
  private static let mostThreads = 65_536
  private static let longestReason = 64

  func read(_ bytes: Span<UInt8>, _ line: TracepointLine) throws -> Bool {
    guard bytes.has("kvm_", at: line.event.lowerBound, line.event.upperBound) else { return false }
    let isEntry = bytes.equals("kvm_entry", line.event)
    guard isEntry || bytes.equals("kvm_exit", line.event), line.tid > 0 else { return false }
    guard states.count < Self.mostThreads || states[line.tid] != nil else { return true }
    var state =
      states.removeValue(forKey: line.tid) ?? State(sums: KVMExits(tid: line.tid, at: line.time))
    defer { states[line.tid] = state }
    let length = line.time - state.since
    if isEntry {
      if state.phase == .exited, length >= 0 {
        let isKnown = state.sums.reasons[state.reason] != nil
        let name =
          isKnown || state.sums.reasons.count < Self.mostReasons ? state.reason : "(others)"
        state.sums.reasons[name, default: KVMExits.Reason()].add(length)
      }
      state.phase = .inGuest
    } else {
      guard let reason = Self.reason(bytes, line.payload) else {
        throw ParseError(.malformedPayload, column: line.payload.lowerBound - line.start + 1)
      }
      if state.phase == .inGuest, length >= 0 {
        state.sums.guest.add(saturating: length)
        state.sums.entries += 1
      }
      state.phase = .exited
      state.reason = reason
    }
    state.since = line.time
    state.sums.first = min(state.sums.first, line.time)
    state.sums.last = max(state.sums.last, line.time)
    if state.sums.vcpu < 0, bytes.has("vcpu ", at: line.payload.lowerBound, line.payload.upperBound)
    {
      var at = line.payload.lowerBound + 5
      if let vcpu = bytes.decimal(&at, line.payload.upperBound) { state.sums.vcpu = vcpu }
    }
    return true
  }

  /// `reason msr rip ...`, or what stands in brackets.
  private static func reason(_ bytes: Span<UInt8>, _ payload: Range<Int>) -> String? {
    let end = payload.upperBound
    if let at = bytes.find("reason ", from: payload.lowerBound, end) {
      let start = at + 7
      let stop = min(bytes.wordEnd(start, end), start + longestReason)
      return stop > start ? bytes.text(from: start, to: stop) : nil
    }
    guard let open = bytes.find("(", from: payload.lowerBound, end),
      let close = bytes.find(")", from: open, end), close > open + 1
    else { return nil }
    return bytes.text(from: open + 1, to: min(close, open + 1 + longestReason))
  }

  func lost(cpu: Int32?) throws {
    for tid in states.keys { states[tid]?.phase = .unknown }
  }

  func finish(_ summary: inout SourceSummary) throws {
    summary.kvmExits = states.values.map(\.sums).sorted { $0.tid < $1.tid }
  }
}
