internal import TraceModel

/// `virsh blkdeviotune`: the limits on the I/O of a guest's disk, a second.
///
///     total_bytes_sec: 0
///     read_bytes_sec : 0
///     total_iops_sec : 200
struct DiskIOTune: FactFormat {
  let name = "blkdeviotune"
  let producedBy = "virsh blkdeviotune VM vda"
  let clock = "none"
  let goodFor = "the limits on a disk's I/O"

  func begins(_ head: Span<UInt8>) -> Bool {
    let lines = IOTuneLines()
    return anyLine(of: head, atMost: 8) { start, end in lines.opens(head, start, end) }
  }

  func lines() -> any FactLines { IOTuneLines() }
}

private final class IOTuneLines: FactLines {
  func opens(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
    bytes.has("total_bytes_sec", at: start, end)
  }

  func take(_ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ log: inout FactLog) -> Bool {
    guard let colon = bytes.find(":", from: start, end) else { return false }
    let (from, to) = bytes.trimmed(start, colon)
    let word = bytes.text(from: from, to: to)
    let (begin, last) = bytes.trimmed(colon + 1, end)
    let isOther = word.hasSuffix("_max_length") || word == "size_iops_sec" || word == "group_name"
    guard isOther || IOLimits.name(word[...]) != nil else { return false }
    if !isOther, let amount = bytes.wholeNumber(begin..<last),
      let fact = IOLimits.fact(word[...], amount, of: "", line: log.line)
    {
      log.batch.settings.append(fact)
    }
    return true
  }
}

/// Limits of a control group: `io.max`, and of version 1 `blkio.throttle.*_device`, with or without the path before it that
/// `grep .` prints; `cpu.max` with its path.
///
///     8:16 rbps=2097152 wbps=max riops=max wiops=120
///     /sys/fs/cgroup/machine.slice/web1/io.max:8:16 rbps=max wbps=max riops=200 wiops=200
///     /sys/fs/cgroup/blkio/machine/web1/blkio.throttle.read_iops_device:8:16 200
///     /sys/fs/cgroup/machine.slice/web1/cpu.max:20000 100000
struct ControlGroupLimits: FactFormat {
  let name = "cgroup-limits"
  let producedBy = "grep . /sys/fs/cgroup/machine.slice/*/{io,cpu}.max"
  let clock = "none"
  let goodFor = "the limits of a guest's control group"

  func begins(_ head: Span<UInt8>) -> Bool {
    let lines = ControlGroupLines()
    return anyLine(of: head, atMost: 8) { start, end in lines.opens(head, start, end) }
  }

  func lines() -> any FactLines { ControlGroupLines() }
}

private final class ControlGroupLines: FactLines {
  let areSingle = true

  func opens(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
    var log = FactLog()
    return take(bytes, start, end, &log)
  }

  func take(_ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ log: inout FactLog) -> Bool {
    let (from, last) = bytes.trimmed(start, end)
    var text = from
    // A path before the line, up to the colon behind the file's name.
    var file = from..<from
    if from < last, bytes[from] == UInt8(ascii: "/") || bytes.has("sys/", at: from, last) {
      guard let colon = bytes.find(":", from: from, last) else { return false }
      var slash = from
      for at in from..<colon where bytes[at] == UInt8(ascii: "/") { slash = at + 1 }
      file = slash..<colon
      text = colon + 1
    }
    log.fields.cut(bytes, text, last)
    guard log.fields.count > 0 else { return false }
    if !file.isEmpty, bytes.equals("cpu.max", file) { return quota(bytes, file, &log) }
    if bytes.has("blkio.throttle.", at: file.lowerBound, file.upperBound) {
      return older(bytes, file, &log)
    }
    return device(bytes, &log)
  }

  /// `8:16 rbps=2097152 wbps=max riops=max wiops=120`
  private func device(_ bytes: Span<UInt8>, _ log: inout FactLog) -> Bool {
    let fields = log.fields
    guard fields.count == 5, let number = Self.number(bytes, fields[0]) else { return false }
    var facts: [SettingFact] = []
    for index in 1..<fields.count {
      let parts = bytes.text(from: fields[index].lowerBound, to: fields[index].upperBound)
        .split(separator: "=")
      guard parts.count == 2, IOLimits.name(parts[0]) != nil else { return false }
      if parts[1] == "max" { continue }
      guard let amount = Int64(parts[1]) else { return false }
      if let fact = IOLimits.fact(parts[0], amount, of: number, line: log.line) {
        facts.append(fact)
      }
    }
    log.batch.settings += facts
    return true
  }

  /// `.../blkio.throttle.read_iops_device:8:16 200`
  private func older(_ bytes: Span<UInt8>, _ file: Range<Int>, _ log: inout FactLog) -> Bool {
    let names: [(StaticString, Substring)] = [
      ("blkio.throttle.read_iops_device", "iops_rd"),
      ("blkio.throttle.write_iops_device", "iops_wr"),
      ("blkio.throttle.read_bps_device", "bps_rd"), ("blkio.throttle.write_bps_device", "bps_wr"),
    ]
    guard log.fields.count == 2, let name = names.first(where: { bytes.equals($0.0, file) }),
      let number = Self.number(bytes, log.fields[0]), let amount = bytes.wholeNumber(log.fields[1])
    else { return false }
    if let fact = IOLimits.fact(name.1, amount, of: number, line: log.line) {
      log.batch.settings.append(fact)
    }
    return true
  }

  /// `.../cpu.max:20000 100000`: us of each period of so many us; `max` means unlimited.
  private func quota(_ bytes: Span<UInt8>, _ file: Range<Int>, _ log: inout FactLog) -> Bool {
    guard log.fields.count == 2, let period = bytes.wholeNumber(log.fields[1]) else { return false }
    guard !bytes.equals("max", log.fields[0]) else { return true }
    guard let time = bytes.wholeNumber(log.fields[0]) else { return false }
    log.batch.settings.append(
      SettingFact(
        kind: IOLimits.kind, object: "", name: "cpu_quota", value: "\(time) \(period)",
        line: log.line))
    return true
  }

  /// `8:16` as `8,16`, the form that all tables use.
  private static func number(_ bytes: Span<UInt8>, _ field: Range<Int>) -> String? {
    var at = field.lowerBound
    guard bytes.decimal(&at, field.upperBound) != nil, at < field.upperBound,
      bytes[at] == UInt8(ascii: ":"), bytes.isNumber(at + 1..<field.upperBound)
    else { return nil }
    return String(
      bytes.text(from: field.lowerBound, to: field.upperBound).map { $0 == ":" ? "," : $0 })
  }
}
