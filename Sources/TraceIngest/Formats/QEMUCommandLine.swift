internal import TraceModel

/// A QEMU command line, from `ps`, `/proc/PID/cmdline` or libvirt's log:
///
///     qemu-system-x86_64 -name guest=web1,debug-threads=on -smp 2 -object iothread,id=io1 ...
///
/// Every option becomes a setting of the guest that `-name` names; so does the number of the process, where
/// `ps` or `pgrep -a` put it in front.
struct QEMUCommandLine: TraceFormat {
  let name = "qemu-cmdline"
  let producedBy = "tr '\\0' ' ' < /proc/$PID/cmdline"
  let clock = "none"
  let goodFor = "a guest's name, its disks, iothreads and queues"

  func recognizes(_ head: Span<UInt8>) -> Recognition {
    anyLine(of: head, atMost: 4) { start, end in
      guard let program = QEMULines.program(head, start, end) else { return false }
      return head.find("-name", from: program, end) != nil
        || head.find("-device", from: program, end) != nil
        || head.find("-drive", from: program, end) != nil
        || head.find("-m", from: program, end) != nil
    } ? .yes : .no
  }

  func reader(into sink: any EventSink) -> FormatReader {
    .lines(FactLineReader(sink: sink, format: name, lines: QEMULines()))
  }
}

private final class QEMULines: FactLines {
  /// Where the program's name ends, when it is the first word or behind a pid.
  static func program(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Int? {
    var at = start
    bytes.skipBlanks(&at, end)
    if bytes.decimal(&at, end) != nil { bytes.skipBlanks(&at, end) }
    var last = at
    while last < end, bytes[last] > 0x20 { last += 1 }
    guard last < end,
      bytes.find("qemu-system-", from: at, last) != nil
        || bytes.find("qemu-kvm", from: at, last) != nil
        || bytes.find("bin/kvm", from: at, last) != nil
    else { return nil }
    return last
  }

  func take(_ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ log: inout FactLog) -> Bool {
    guard let program = Self.program(bytes, start, end) else { return false }
    let words = Self.words(bytes, program, end)
    var options: [(name: String, value: String)] = []
    for word in words {
      if word.hasPrefix("-"), word.count > 1 {
        options.append((word, ""))
      } else if options.isEmpty || !options[options.count - 1].value.isEmpty {
        // A second word: a value with blanks in it (`-append console=ttyS0 quiet`), or an image.
        if options.isEmpty {
          options.append(("", word))
        } else {
          options[options.count - 1].value += " " + word
        }
      } else {
        options[options.count - 1].value = word
      }
    }
    var guest = ""
    if let name = options.first(where: { $0.name == "-name" || $0.name == "--name" }) {
      for part in name.value.split(separator: ",") {
        if part.hasPrefix("guest=") {
          guest = String(part.dropFirst(6))
        } else if guest.isEmpty, !part.contains("=") {
          guest = String(part)
        }
      }
    }
    if let process = Self.process(bytes, start, program) { options.append(("pid", process)) }
    for option in options {
      log.batch.settings.append(
        SettingFact(
          kind: "qemu", object: guest, name: option.name, value: option.value, line: log.line))
    }
    return true
  }

  /// The process's number, where one stands before the program.
  private static func process(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> String? {
    var at = start
    bytes.skipBlanks(&at, end)
    return bytes.decimal(&at, end).map { String($0) }
  }

  /// Words parted by blanks or zero bytes; quotes keep blanks together.
  private static func words(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> [String] {
    var words: [String] = []
    var word: [UInt8] = []
    var quote: UInt8 = 0
    var isOpen = false
    for index in start..<end {
      let byte = bytes[index]
      if quote != 0 {
        if byte == quote { quote = 0 } else { word.append(byte) }
      } else if byte == UInt8(ascii: "'") || byte == UInt8(ascii: "\"") {
        quote = byte
        isOpen = true
      } else if byte <= 0x20 {
        if isOpen { words.append(String(decoding: word, as: UTF8.self)) }
        word = []
        isOpen = false
      } else {
        word.append(byte)
        isOpen = true
      }
    }
    if isOpen { words.append(String(decoding: word, as: UTF8.self)) }
    return words
  }
}
