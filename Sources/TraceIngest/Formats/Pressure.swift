internal import TraceModel

/// `/proc/pressure/*` and `*.pressure` of control groups (PSI): for how long some, or all, threads waited for a resource.
///
///     some avg10=0.00 avg60=0.12 avg300=0.05 total=1234567
///     /proc/pressure/io:full avg10=0.00 avg60=0.00 avg300=0.00 total=45678
///
/// The lines do not name the resource: a command, a heading, a path before the line or the file's name does.
struct Pressure: CounterFormat {
  let name = "pressure"
  let producedBy = "while sleep 1; do date +%s.%N; grep . /proc/pressure/*; done"
  let goodFor = "for how long threads waited for CPUs, memory and I/O"

  func table() -> any CounterTable { PressureTable() }
}

private final class PressureTable: CounterTable {
  /// What the file's name and the last heading say.
  private var (ofFile, ofHeading): (String?, String?)

  func begin(path: String) {
    ofFile = Self.resource(path.split(separator: "/").suffix(2).joined(separator: "/"))
  }

  func announce(command: String) {
    // `cat /proc/pressure/*` prints several without their names.
    ofHeading = command.contains("*") ? "" : Self.resource(command)
  }

  func take(_ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ log: CounterLog) throws -> Bool {
    var from = start
    bytes.skipBlanks(&from, end)
    var own: String?
    if from < end, !bytes.has("some ", at: from, end), !bytes.has("full ", at: from, end) {
      guard let colon = bytes.find(":", from: from, end),
        let name = Self.resource(bytes.text(from: from, to: colon))
      else { return false }
      (own, from) = (name, colon + 1)
    }
    log.fields.cut(bytes, from, end)
    let fields = log.fields
    guard fields.count == 5, bytes.has("avg10=", at: fields[1].lowerBound, end),
      bytes.has("total=", at: fields[4].lowerBound, end),
      let total = bytes.wholeNumber(fields[4].lowerBound + 6..<fields[4].upperBound)
    else { return false }
    let kind = bytes.text(from: fields[0].lowerBound, to: fields[0].upperBound)
    guard kind == "some" || kind == "full" else { return false }
    let resource = own ?? ofHeading ?? ofFile ?? ""
    let name = resource.isEmpty ? kind : "\(resource) \(kind)"
    let object = try log.object("pressure", .machine, name)
    try log.begin(object)
    // Microseconds.
    let (nanoseconds, isTooMuch) = total.multipliedReportingOverflow(by: 1_000)
    if !isTooMuch {
      try log.add(object, try log.counter("total", .nanoseconds), nanoseconds, .total)
    }
    for index in 1...3 {
      guard let mark = bytes.find("=", from: fields[index].lowerBound, fields[index].upperBound),
        let value = bytes.hundredths(mark + 1..<fields[index].upperBound)
      else { continue }
      let word = bytes.text(from: fields[index].lowerBound, to: mark)
      try log.add(
        object, try log.counter(word, .percent, .level, scale: 100), value, .level)
    }
    log.events += 1
    return true
  }

  /// `cpu`, `io`, `memory` or `irq` of `/proc/pressure/io`, of `.../web1.scope/memory.pressure` with the group, and of
  /// names that people give such files: `psi_io.txt`.
  private static func resource(_ text: String) -> String? {
    let known = ["cpu", "io", "memory", "irq"]
    if let found = text.firstRange(of: "/pressure/") {
      let word = text[found.upperBound...].prefix { $0.isLetter }
      return known.contains(String(word)) ? String(word) : nil
    }
    for name in known {
      guard let found = text.firstRange(of: "\(name).pressure") else { continue }
      let group = text[..<found.lowerBound].split { $0 == "/" || $0 == " " }.last
      return group.map { "\($0) \(name)" } ?? name
    }
    let words = text.lowercased().split { !$0.isLetter }
    guard words.contains(where: { $0 == "pressure" || $0 == "psi" }) else { return nil }
    return known.first { words.contains($0[...]) } ?? (words.contains("mem") ? "memory" : nil)
  }
}
