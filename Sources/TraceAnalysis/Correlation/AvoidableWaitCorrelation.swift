internal import TraceCorrelation
internal import TraceModel
internal import TraceStore

/// How much of the waits of guests' threads for a CPU another CPU could have taken, where a file says which they may use.
struct AvoidableWaitCorrelation: CorrelationPass {
  static let fills = ["avoidable_wait_sum"]

  private struct Found {
    let thread: Int64
    let allowed: CPUSet
    let sum: AvoidableWaits.Sum
  }

  /// A CPU that was idle for a smaller part of the avoidable time is not named.
  private static let leastIdle = 0.05

  private var found: [Found] = []

  init(_ context: CorrelationContext) throws {
    var allowed: [String: [Int64: CPUSet]] = [:]
    for setting in try context.file.settings(of: "affinity") {
      guard let tid = Int64(setting.object), let cpus = CPUSet(list: setting.value) else {
        continue
      }
      allowed[setting.machine, default: [:]][tid] = cpus
    }
    guard !allowed.isEmpty else { return }
    for trace in context.threads.traces where trace.machine.layer == .host {
      var own: [Int64: CPUSet] = [:]
      // Times of two stretches do not compare.
      let threads = trace.threads.filter { $0.value.segment == 0 }
      for (number, thread) in threads where context.threads.owners[number]?.guest != nil {
        own[number] = allowed[trace.machine.name]?[thread.tid]
      }
      guard !own.isEmpty else { continue }
      var waits = AvoidableWaits(
        allowed: own.mapValues(\.sorted), idle: Set(threads.filter { $0.value.tid == 0 }.keys))
      try context.file.forEachSlice(of: trace.source) {
        waits.add($0)
      } limit: {
        waits.settle(before: $0)
      }
      for (thread, sum) in waits.sums.sorted(by: { $0.key < $1.key }) where sum.waited > 0 {
        found.append(Found(thread: thread, allowed: own[thread] ?? CPUSet(), sum: sum))
      }
    }
  }

  func write(to writer: CorrelationWriter, _: CorrelationContext) throws {
    for one in found {
      var idle = CPUSet()
      for (cpu, time) in one.sum.idle
      where Double(time) >= Self.leastIdle * Double(one.sum.avoidable) { idle.insert(cpu) }
      try writer.add(
        to: "avoidable_wait_sum",
        [
          "thread_id": .integer(one.thread), "allowed_cpus": .text(one.allowed.list),
          "waited_ns": .integer(one.sum.waited), "avoidable_ns": .integer(one.sum.avoidable),
          "idle_cpus": StoredValue(idle.isEmpty ? nil : idle.list),
        ])
    }
  }
}
