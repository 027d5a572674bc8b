internal import TraceModel

/// Which CPUs threads may use, as `taskset -p` prints it, and as a loop over threads prints it beside their names:
///
///     pid 2842's current affinity list: 0-3,6
///     pid 2842's current affinity mask: 4f
///     tid 2842 comm CPU 0/KVM affinity 0,1
struct ThreadAffinity: FactFormat {
  let name = "taskset"
  let producedBy = "taskset -apc QEMU-PID"
  let clock = "none"
  let goodFor = "which CPUs threads may use, so that a wait may have been avoidable"

  func begins(_ head: Span<UInt8>) -> Bool {
    anyLine(of: head, atMost: 8) { start, end in AffinityLines.fact(head, start, end) != nil }
  }

  func lines() -> any FactLines { AffinityLines() }
}

/// Which CPUs a guest's virtual CPUs may use, as `virsh vcpupin` prints it. It names neither the guest nor the threads: the
/// file's name says which guest it is.
///
///      VCPU   CPU Affinity
///     ----------------------
///      0      0-3
///      1      4,6
///
/// Before libvirt 5 a line was `   0: 0-3`.
struct VirtualCPUPins: FactFormat {
  let name = "vcpupin"
  let producedBy = "virsh vcpupin VM > vcpupin-VM.txt"
  let clock = "none"
  let goodFor = "which CPUs virtual CPUs may use, so that a wait may have been avoidable"

  func begins(_ head: Span<UInt8>) -> Bool {
    let lines = PinLines()
    return anyLine(of: head, atMost: 4) { start, end in lines.opens(head, start, end) }
  }

  func lines() -> any FactLines { PinLines() }
}

private final class PinLines: FactLines {
  func opens(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
    let (from, to) = bytes.trimmed(start, end)
    guard bytes.has("VCPU", at: from, to),
      let found = bytes.find("CPU Affinity", from: from + 4, to)
    else { return false }
    return found + 12 == to
  }

  func take(_ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ log: inout FactLog) -> Bool {
    let (from, to) = bytes.trimmed(start, end)
    if opens(bytes, start, end) || bytes.has("-----", at: from, to) { return true }
    var at = from
    guard let number = bytes.decimal(&at, to), at < to else { return false }
    if bytes[at] == UInt8(ascii: ":") { at += 1 }
    guard at < to, bytes[at] == UInt8(ascii: " "), let cpus = AffinityLines.list(bytes, at, to)
    else { return false }
    log.batch.settings.append(
      SettingFact(
        kind: "affinity", object: "vcpu \(number)", name: "cpus_allowed", value: cpus,
        line: log.line))
    return true
  }
}

private final class AffinityLines: FactLines {
  func opens(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
    Self.fact(bytes, start, end) != nil
  }

  func take(_ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ log: inout FactLog) -> Bool {
    if let (tid, cpus) = Self.fact(bytes, start, end) {
      log.batch.settings.append(
        SettingFact(
          kind: "affinity", object: "\(tid)", name: "cpus_allowed", value: cpus,
          line: log.line))
      return true
    }
    log.fields.cut(bytes, start, end)
    let fields = log.fields
    guard fields.count >= 2 else { return false }
    // A thread that was gone when it was asked: `tid 2877 comm`; and what such loops print of the same threads besides.
    if bytes.equals("tid", fields[0]) { return bytes.wholeNumber(fields[1]) != nil }
    return fields.count == 4 && bytes.equals("thread-id", fields[2])
  }

  /// The thread and its CPUs; nil for any other line.
  static func fact(
    _ bytes: Span<UInt8>, _ start: Int, _ end: Int
  ) -> (tid: Int64, cpus: String)? {
    var at = start
    if bytes.has("pid ", at: start, end) {
      at += 4
      guard let tid = bytes.decimal(&at, end), bytes.has("'s ", at: at, end),
        let found = bytes.find(" affinity ", from: at, end)
      else { return nil }
      at = found + 10
      if bytes.has("list: ", at: at, end) {
        return list(bytes, at + 6, end).map { (tid, $0) }
      }
      guard bytes.has("mask: ", at: at, end) else { return nil }
      return mask(bytes, at + 6, end).map { (tid, $0) }
    }
    guard bytes.has("tid ", at: start, end) else { return nil }
    at += 4
    guard let tid = bytes.decimal(&at, end), bytes.has(" comm ", at: at, end) else { return nil }
    // The name may hold the word: the last one counts.
    var last: Int?
    while let found = bytes.find(" affinity ", from: at, end) { (last, at) = (found, found + 1) }
    guard let last else { return nil }
    return list(bytes, last + 10, end).map { (tid, $0) }
  }

  /// Linux has no more CPUs.
  private static let mostCPUs: Int64 = 8192

  /// `0-3,6`, as it stands; nil for anything else.
  fileprivate static func list(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> String? {
    let (from, to) = bytes.trimmed(start, end)
    var at = from
    while true {
      guard let low = bytes.decimal(&at, to) else { return nil }
      var high = low
      if at < to, bytes[at] == UInt8(ascii: "-") {
        at += 1
        guard let last = bytes.decimal(&at, to) else { return nil }
        high = last
      }
      guard low <= high, high < mostCPUs else { return nil }
      if at == to { return bytes.text(from: from, to: to) }
      guard bytes[at] == UInt8(ascii: ",") else { return nil }
      at += 1
    }
  }

  /// `4f`, and `ffffffff,00000001` with the highest CPUs first, as a list; nil for anything else.
  private static func mask(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> String? {
    let (from, to) = bytes.trimmed(start, end)
    var (cpu, at) = (Int64(0), to)
    var cpus: [String] = []
    while at > from {
      at -= 1
      if bytes[at] == UInt8(ascii: ",") { continue }
      var place = at
      guard cpu < mostCPUs, let digit = bytes.hexadecimal(&place, at + 1), place == at + 1 else {
        return nil
      }
      for bit in 0..<4 where digit & (1 << UInt64(bit)) != 0 { cpus.append("\(cpu + Int64(bit))") }
      cpu += 4
    }
    return cpus.isEmpty ? nil : cpus.joined(separator: ",")
  }
}
