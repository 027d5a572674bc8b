internal import TraceModel

/// How the stamps of a recording of ftrace become nanoseconds, and those of a guest the host's.
struct TraceDatClock {
  /// `TSC2NSEC`: ns = cycles * multiplier >> shift.
  var ticks: (multiplier: UInt32, shift: UInt32)?
  /// `DATE`, `OFFSET`: ns to be added.
  var offset: Int64 = 0
  /// `TIME_SHIFT`: from a guest's clock to its host's, for each of its CPUs.
  var shift: TimeShift?

  /// The nanoseconds of a stamp; nil when no clock shows them.
  @inline(__always)
  func nanoseconds(_ stamp: UInt64, cpu: Int) -> Int64? {
    var time = stamp
    if let shift { time = shift.host(time, cpu: cpu) }
    guard let counted = counted(time) else { return nil }
    let (sum, isTooLarge) = counted.addingReportingOverflow(offset)
    guard !isTooLarge, sum >= 0, sum < Stamp.mostSeconds * 1_000_000_000 else { return nil }
    return sum
  }

  /// A stamp in nanoseconds, without what is added to them.
  @inline(__always)
  private func counted(_ stamp: UInt64) -> Int64? {
    var time = stamp
    if let ticks {
      let (high, low) = time.multipliedFullWidth(by: UInt64(ticks.multiplier))
      guard ticks.shift < 64, high >> ticks.shift == 0 else { return nil }
      time = ticks.shift == 0 ? low : high << (64 - UInt64(ticks.shift)) | low >> ticks.shift
    }
    return Int64(exactly: time)
  }

  /// What a relation that was measured says of moments, on the guest's clock and on the host's.
  var measured: [TraceSession.Moment] {
    guard let shift, shift.isMeasured else { return [] }
    var own = self
    own.shift = nil
    var moments: [TraceSession.Moment] = []
    for (cpu, samples) in shift.cpus.enumerated() {
      for sample in samples where moments.count < Self.mostMoments {
        let stamp = UInt64(bitPattern: sample.time)
        guard let time = own.nanoseconds(stamp, cpu: cpu),
          let host = counted(shift.host(stamp, cpu: cpu))
        else { continue }
        moments.append(TraceSession.Moment(own: time, host: host))
      }
    }
    return moments
  }

  private static let mostMoments = 4096
}

/// What trace-cmd wrote into a guest's file about its clock and its host's.
///
/// By the protocol `kvm` (flags 0) the relation is the one that KVM itself keeps: exact. By `ptp` (flags 1) it was measured
/// with messages between the two, which on a busy machine is wrong by milliseconds.
struct TimeShift {
  /// The relation from a moment on.
  struct Sample {
    /// On the guest's clock.
    var time: Int64
    var offset: Int64
    var scaling: Int64
    var fraction: Int64
  }

  /// `TRACEID` of the host's recording.
  private(set) var peer: UInt64
  /// Between two samples the offset lies on the line between them, as trace-cmd takes it for `ptp`.
  private(set) var isMeasured: Bool
  private(set) var cpus: [[Sample]] = []

  private static let mostCPUs: UInt32 = 1 << 16
  private static let mostSamples = 1 << 20

  /// Reads the option; nil when it is cut.
  init?(_ bytes: Span<UInt8>, _ range: Range<Int>, isSwapped: Bool) {
    var cursor = ByteCursor(range, isSwapped: isSwapped)
    do throws(ByteCursor.Short) {
      peer = try cursor.long(bytes)
      isMeasured = try cursor.word(bytes) & 1 != 0
      let count = try cursor.word(bytes)
      guard count <= Self.mostCPUs else { return nil }
      var total = 0
      for _ in 0..<count {
        let samples = Int(try cursor.word(bytes))
        total += samples
        guard samples <= cursor.left / 24, total <= Self.mostSamples else { return nil }
        var own = [Sample](
          repeating: Sample(time: 0, offset: 0, scaling: 1, fraction: 0), count: samples)
        for index in own.indices { own[index].time = Int64(bitPattern: try cursor.long(bytes)) }
        for index in own.indices { own[index].offset = Int64(bitPattern: try cursor.long(bytes)) }
        for index in own.indices { own[index].scaling = Int64(bitPattern: try cursor.long(bytes)) }
        cpus.append(own)
      }
    } catch { return nil }
    // Files of trace-cmd 2.9 end here; later ones have as many fractions for each CPU as the last one has samples.
    let length = cpus.last?.count ?? 0
    for cpu in cpus.indices {
      for index in 0..<length {
        guard let fraction = try? cursor.long(bytes) else { break }
        if index < cpus[cpu].count { cpus[cpu][index].fraction = Int64(bitPattern: fraction) }
      }
    }
    for cpu in cpus.indices { cpus[cpu].sort { $0.time < $1.time } }
  }

  /// The host's stamp for a guest's.
  func host(_ stamp: UInt64, cpu: Int) -> UInt64 {
    guard cpu < cpus.count, let first = cpus[cpu].first else { return stamp }
    let samples = cpus[cpu]
    guard samples.count > 1 else { return stamp &+ UInt64(bitPattern: first.offset) }
    // The last one that is not later; before the first and behind the last, the nearest two.
    let time = Int64(bitPattern: stamp)
    let place = samples.partitioningIndex { $0.time > time }
    let lower = min(max(place - 1, 0), samples.count - 2)
    let (one, other) = (samples[lower], samples[lower + 1])
    var offset = one.offset
    if isMeasured, other.time > one.time {
      let span = Double(other.time &- one.time)
      let part = Double(time &- one.time) * Double(other.offset &- one.offset)
      let exact = (part / span).rounded()
      if exact.magnitude < 9e18 { offset &+= Int64(exact) }
    }
    var scaled = stamp
    if one.scaling != 1 || one.fraction != 0, (0..<64).contains(one.fraction) {
      let (high, low) = stamp.multipliedFullWidth(by: UInt64(bitPattern: one.scaling))
      let fraction = UInt64(one.fraction)
      scaled = fraction == 0 ? low : high << (64 - fraction) | low >> fraction
    }
    return scaled &+ UInt64(bitPattern: offset)
  }

  /// Whether it says something of a CPU.
  func covers(_ cpu: Int) -> Bool { cpu < cpus.count && !cpus[cpu].isEmpty }

  /// For people: `kvm, offset 4000000000000, scaling 1 >> 0`.
  var words: String {
    guard let sample = cpus.first(where: { !$0.isEmpty })?.first else { return "no samples" }
    let all = cpus.joined()
    let isConstant = all.allSatisfy {
      $0.offset == sample.offset && $0.scaling == sample.scaling && $0.fraction == sample.fraction
    }
    let range = (all.map(\.offset).min() ?? 0, all.map(\.offset).max() ?? 0)
    let offsets = isConstant ? "offset \(sample.offset)" : "offsets \(range.0) to \(range.1)"
    return "\(isMeasured ? "ptp" : "kvm"), peer \(String(peer, radix: 16)), \(offsets), scaling "
      + "\(sample.scaling) >> \(sample.fraction), \(cpus.count) CPUs"
  }
}
