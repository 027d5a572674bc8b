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
  private var folding = KVMFolding()
  /// The fields of the events of a binary recording, by their numbers.
  private var formats: [KVMRecord?] = []
  private static let longestReason = 64

  func read(_ bytes: Span<UInt8>, _ line: TracepointLine) throws -> Bool {
    guard bytes.has("kvm_", at: line.event.lowerBound, line.event.upperBound) else { return false }
    let isEntry = bytes.equals("kvm_entry", line.event)
    guard isEntry || bytes.equals("kvm_exit", line.event), line.tid > 0 else { return false }
    guard folding.hasRoom(for: line.tid) else { return true }
    var reason = ""
    if !isEntry {
      guard let text = Self.reason(bytes, line.payload) else {
        throw ParseError(.malformedPayload, column: line.payload.lowerBound - line.start + 1)
      }
      reason = text
    }
    var vcpu: Int64?
    if bytes.has("vcpu ", at: line.payload.lowerBound, line.payload.upperBound) {
      var at = line.payload.lowerBound + 5
      vcpu = bytes.decimal(&at, line.payload.upperBound)
    }
    folding.add(line.tid, at: line.time, exitedBy: isEntry ? nil : reason, vcpu: vcpu)
    return true
  }

  func bind(_ format: EventFormat, as event: Int) -> RecordBinding {
    guard format.name.hasPrefix("kvm_") else { return .none }
    guard let fields = KVMRecord(format) else { return .ignored }
    while formats.count <= event { formats.append(nil) }
    formats[event] = fields
    return .read
  }

  func read(
    _ bytes: Span<UInt8>, _ records: [TracepointRecord], _ run: RecordRun,
    _ problems: inout RecordProblems
  ) throws {
    for index in run.range {
      let record = records[index]
      guard let fields = formats[Int(record.event)], Int(record.length) >= fields.needed else {
        problems.skip(.malformedPayload, run.number(of: index), excerpt: nil)
        continue
      }
      guard record.tid > 0, folding.hasRoom(for: record.tid) else { continue }
      let vcpu = fields.vcpu?.integer(bytes, record.start, fields.isSwapped)
      let reason = fields.isEntry ? nil : fields.reason(bytes, record)
      folding.add(record.tid, at: record.time, exitedBy: reason, vcpu: vcpu)
    }
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

  func lost(cpu: Int32?) throws { folding.lost() }

  func finish(_ summary: inout SourceSummary) throws { summary.kvmExits = folding.sums }
}

/// The fields of an entry or an exit in a binary recording.
struct KVMRecord {
  let isEntry: Bool
  let isSwapped: Bool
  private(set) var needed = 0
  private(set) var vcpu: EventField?
  private var reason: EventField?
  private var isa: EventField?
  private var exceptionClass: EventField?
  /// Names of reasons as the kernel prints them; of two tables the first is of Intel's processors (`isa` 1).
  private var names: [[Int64: String]] = []

  /// Finds the fields in a format; nil when it is of another event.
  init?(_ format: EventFormat) {
    guard format.name == "kvm_entry" || format.name == "kvm_exit" else { return nil }
    isEntry = format.name == "kvm_entry"
    isSwapped = format.isSwapped
    vcpu = format["vcpu_id"]
    if !isEntry {
      reason = format["exit_reason"]
      isa = format["isa"]
      exceptionClass = format["esr_ec"]
      guard reason != nil || exceptionClass != nil else { return nil }
      let field = exceptionClass == nil ? "exit_reason" : "esr_ec"
      names = PrintFormat.tables(format.print, of: "__print_symbolic").filter {
        $0.of.contains(field)
      }.map {
        Dictionary($0.1.map { ($0.value, $0.text) }, uniquingKeysWith: { first, _ in first })
      }
    }
    let all = [vcpu, reason, isa, exceptionClass]
    needed = all.compactMap { $0?.end }.max() ?? 0
  }

  /// Why the guest was left. Arm's exceptions have a class of their own.
  func reason(_ bytes: Span<UInt8>, _ record: TracepointRecord) -> String {
    let isOther = (isa?.integer(bytes, record.start, isSwapped) ?? 1) != 1
    var code = (exceptionClass ?? reason)?.integer(bytes, record.start, isSwapped) ?? 0
    // Intel's upper bits say more about the exit.
    if isa != nil, !isOther { code &= 0xFFFF }
    let table = isOther && names.count > 1 ? 1 : 0
    guard table < names.count, let name = names[table][code] else {
      return "0x" + String(code, radix: 16)
    }
    return name
  }
}
