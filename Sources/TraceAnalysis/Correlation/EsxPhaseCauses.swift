internal import Glibc
internal import TraceModel
internal import TraceStore

/// What the phases of a VM on ESXi may come from, by the rows of its host's esxtop: what it waited for, what it asked for
/// itself, and what its neighbours did in the same rows. Rows are means over seconds: all of it is of low confidence.
struct EsxPhaseCauses {
  typealias Cause = CounterPhaseCorrelation.Cause
  /// Before a change and after it, ns since 1970.
  typealias Times = (before: [Range<Int64>], after: [Range<Int64>])

  private struct CPUUser {
    let user: EsxLoads.User
    let signal: CounterSignals.Signal
  }

  private struct DiskUser {
    let vm: String
    let device: String
    let rate: CounterSignals.Signal
    /// How long its commands took (GAVG), and of that the device's part (DAVG).
    let guest: CounterSignals.Signal
    let below: CounterSignals.Signal
  }

  private let host: String
  private var cpuUsers: [CPUUser] = []
  private var diskUsers: [DiskUser] = []

  /// Of a CPU that a neighbour used more at least.
  private static let leastCPU = 0.1
  /// Parts of a virtual CPU's time: held back by a limit, and waiting for swapped memory.
  private static let (leastLimited, leastSwapWait) = (0.01, 0.02)
  /// By how much longer a VM's commands take.
  private static let longer = 1.5
  private static let mostNeighbours = 3

  init(_ loads: EsxLoads) {
    host = loads.host
    typealias Point = CounterSignals.Point
    typealias Signal = CounterSignals.Signal
    for (user, rows) in loads.used.sorted(by: { $0.key.name < $1.key.name }) {
      cpuUsers.append(
        CPUUser(
          user: user,
          signal: Signal(
            kind: .busy, object: user.name, name: user.name, isPart: false,
            points: rows.map { .share($0.busy, from: $0.from, to: $0.to) })))
    }
    for (vm, rows) in loads.uses.sorted(by: { $0.key < $1.key }) {
      for (device, own) in Dictionary(grouping: rows, by: \.load.number).sorted(by: {
        $0.key < $1.key
      }) {
        func signal(_ kind: CounterSignals.Kind, _ value: (EsxLoads.DiskUse) -> (Double, Double))
          -> Signal
        {
          Signal(
            kind: kind, object: device, name: vm, isPart: false,
            points: own.map {
              let (amount, base) = value($0)
              return Point(from: $0.load.from, to: $0.load.to, amount: amount, base: base)
            })
        }
        diskUsers.append(
          DiskUser(
            vm: vm, device: device,
            rate: signal(.rate) { ($0.load.requests, Double($0.load.to - $0.load.from) / 1e9) },
            guest: signal(.await) { ($0.load.waited, $0.load.requests) },
            below: signal(.await) { ($0.device, $0.load.requests) }))
      }
    }
  }

  /// The likeliest first.
  func causes(of vm: CounterSignals, _ times: Times) -> [Cause] {
    let found = disks(vm, times) + cpus(vm, times) + settings(vm, times) + own(vm, times)
    return found.isEmpty
      ? [
        Cause(
          kind: .unknown,
          because: "no column of esxtop that is read shows what else changed with it")
      ] : found
  }

  // MARK: Disks

  private func change(
    _ signal: CounterSignals.Signal, _ times: Times
  ) -> (before: Double, after: Double)? {
    guard let before = signal.mean(times.before), let after = signal.mean(times.after) else {
      return nil
    }
    return (before, after)
  }

  /// Who else asked more of the disks of the host on which the VM's commands took longer; the device where nobody did, and
  /// where it is the device that took longer.
  private func disks(_ vm: CounterSignals, _ times: Times) -> [Cause] {
    let own = diskUsers.filter { $0.vm == vm.machine }
    return own.flatMap { user -> [Cause] in
      guard let waits = change(user.guest, times), min(waits.before, waits.after) > 0,
        abs(log(waits.after / waits.before)) >= log(Self.longer)
      else { return [] }
      let sign = waits.after > waits.before ? 1.0 : -1.0
      let rates = change(user.rate, times) ?? (0, 0)
      let others = neighbours(on: user.device, of: vm.machine, times, sign)
      // What the VM asked for itself is its own load.
      let theirs: Double = others.reduce(0) { $0 + $1.growth }
      if theirs > sign * (rates.after - rates.before) {
        return others.prefix(Self.mostNeighbours).map { other in
          Cause(
            kind: .diskNeighbour, name: other.name, machine: host, rates: other.rates,
            unit: "commands/s",
            because:
              "this VM asked more of the disk on which the other's commands took \(Self.text(waits)) ms (GAVG)"
          )
        }
      }
      guard
        !CounterPhaseCorrelation.hasGrown(rates, sign, least: CounterPhaseCorrelation.leastRate),
        let below = change(user.below, times),
        2 * abs(below.after - below.before) >= abs(waits.after - waits.before)
      else { return [] }
      return [
        Cause(
          kind: .device, name: user.device, machine: host, rates: below, unit: "ms of DAVG",
          because:
            "its commands took \(Self.text(waits)) ms (GAVG), and no VM of this host asked more of the disk"
        )
      ]
    }
  }

  /// The other VMs that asked more of a disk, or less where things got better; the one that changed most first.
  private func neighbours(
    on device: String, of vm: String, _ times: Times, _ sign: Double
  ) -> [(name: String, rates: (before: Double, after: Double), growth: Double)] {
    let found = diskUsers.compactMap {
      user -> (name: String, rates: (before: Double, after: Double), growth: Double)? in
      guard user.device == device, user.vm != vm, let rates = change(user.rate, times),
        CounterPhaseCorrelation.hasGrown(rates, sign, least: CounterPhaseCorrelation.leastRate)
      else { return nil }
      return (user.vm, rates, sign * (rates.after - rates.before))
    }
    return found.sorted { $0.growth > $1.growth }
  }

  private static func text(_ values: (before: Double, after: Double)) -> String {
    "\(Quantity.decimal(values.after, digits: 1)) instead of \(Quantity.decimal(values.before, digits: 1))"
  }

  // MARK: CPUs

  /// Who used more of the host's CPUs while the VM's virtual CPUs waited for them.
  private func cpus(_ vm: CounterSignals, _ times: Times) -> [Cause] {
    guard let held = vm.signals.first(where: { $0.kind == .steal }).flatMap({ change($0, times) }),
      abs(held.after - held.before) >= CounterPhaseCorrelation.leastSteal
    else { return [] }
    let sign = held.after > held.before ? 1.0 : -1.0
    func growth(_ rates: (before: Double, after: Double)) -> Double {
      sign * (rates.after - rates.before)
    }
    let changes = cpuUsers.compactMap {
      user -> (user: EsxLoads.User, rates: (before: Double, after: Double))? in
      change(user.signal, times).map { (user.user, $0) }
    }
    let own = changes.first { !$0.user.isService && $0.user.name == vm.machine }
    let others = changes.filter {
      ($0.user.isService || $0.user.name != vm.machine) && growth($0.rates) >= Self.leastCPU
    }.sorted { growth($0.rates) > growth($1.rates) }
    // One that itself took more than all others together waits because of what it does.
    let theirs: Double = others.reduce(0) { $0 + growth($1.rates) }
    guard let first = others.first, theirs > (own.map { growth($0.rates) } ?? 0) else { return [] }
    let waits =
      "its virtual CPUs waited for \(Self.text((100 * held.before, 100 * held.after))) % of the time (%RDY without %MLMTD, "
      + "and %CSTP)"
    return others.filter { 3 * growth($0.rates) >= growth(first.rates) }.prefix(Self.mostNeighbours)
      .map {
        user, rates in
        Cause(
          kind: .cpuNeighbour, name: user.name, machine: host,
          rates: (100 * rates.before, 100 * rates.after), unit: "% of a CPU (%USED)",
          because:
            "\(waits) while \(user.isService ? "this service of the host" : "this VM") used more")
      }
  }

  // MARK: Settings and memory

  /// A limit is no neighbour's doing, and what the host swapped out is nobody's alone.
  private func settings(_ vm: CounterSignals, _ times: Times) -> [Cause] {
    var found: [Cause] = []
    func add(
      _ kind: CounterSignals.Kind, _ cause: CauseKind, least: Double, unit: String,
      _ because: String
    ) {
      guard
        let share = vm.signals.first(where: { $0.kind == kind }).flatMap({ change($0, times) }),
        abs(share.after - share.before) >= least
      else { return }
      found.append(
        Cause(
          kind: cause, rates: (100 * share.before, 100 * share.after), unit: unit, because: because)
      )
    }
    add(
      .limited, .throttle, least: Self.leastLimited, unit: "% of its time (%MLMTD)",
      "a limit in the VM's settings, or of its resource pool, held its virtual CPUs back")
    add(
      .swapWait, .hostMemory, least: Self.leastSwapWait, unit: "% of its time (%SWPWT)",
      "its virtual CPUs waited until ESXi had read its memory back from its swap file")
    return found
  }

  // MARK: Its own doing

  private func own(_ vm: CounterSignals, _ times: Times) -> [Cause] {
    var found: [Cause] = []
    let rates = vm.signals.filter { $0.kind == .rate }.compactMap { change($0, times) }
    let load = (
      before: rates.reduce(0) { $0 + $1.before }, after: rates.reduce(0) { $0 + $1.after }
    )
    let sign = load.after >= load.before ? 1.0 : -1.0
    if CounterPhaseCorrelation.hasGrown(load, sign, least: CounterPhaseCorrelation.leastRate) {
      found.append(
        Cause(
          kind: .ownLoad, machine: host, rates: load, unit: "commands/s",
          because: "the VM itself asked \(sign > 0 ? "more" : "less") of its disks"))
    }
    if let use = vm.signals.first(where: { $0.kind == .busy }).flatMap({ change($0, times) }),
      abs(use.after - use.before) >= CounterPhaseCorrelation.leastUse
    {
      found.append(
        Cause(
          kind: .ownCPU, machine: host, rates: (100 * use.before, 100 * use.after),
          unit: "% of its time (%RUN)",
          because: "the VM itself ran \(use.after > use.before ? "more" : "less")"))
    }
    return found
  }
}
