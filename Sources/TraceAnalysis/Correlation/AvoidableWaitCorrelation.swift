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

  private struct VirtualCPU: Hashable {
    let host: String
    let guest: String
    let number: Int64
  }

  /// A CPU that was idle for a smaller part of the avoidable time is not named.
  private static let leastIdle = 0.05

  private var found: [Found] = []

  init(_ context: CorrelationContext) throws {
    var allowed: [String: [Int64: CPUSet]] = [:]
    var pins: [VirtualCPU: CPUSet] = [:]
    let guests = try context.machineNames(.guest)
    let known = Set(context.threads.owners.values.compactMap(\.guest)).union(guests).sorted()
    for setting in try context.file.settings(of: "affinity") {
      guard let cpus = CPUSet(list: setting.value) else { continue }
      if let tid = Int64(setting.object) {
        allowed[setting.machine, default: [:]][tid] = cpus
      } else if setting.object.hasPrefix("vcpu "), let vcpu = Int64(setting.object.dropFirst(5)),
        // One that names no guest is of the only one.
        let guest = ThreadOwners.guest(ofFile: setting.path, guests: known)
          ?? (known.count == 1 ? known[0] : nil)
      {
        pins[VirtualCPU(host: setting.machine, guest: guest, number: vcpu)] = cpus
      }
    }
    guard !allowed.isEmpty || !pins.isEmpty else { return }
    for trace in context.threads.traces where trace.machine.layer == .host {
      var own: [Int64: CPUSet] = [:]
      // Times of two stretches do not compare.
      let threads = trace.threads.filter { $0.value.segment == 0 }
      for (number, thread) in threads {
        guard let owner = context.threads.owners[number], let guest = owner.guest else { continue }
        let pin = owner.vcpu.flatMap {
          owner.role == .vcpu
            ? pins[VirtualCPU(host: trace.machine.name, guest: guest, number: $0)] : nil
        }
        own[number] = allowed[trace.machine.name]?[thread.tid] ?? pin
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
