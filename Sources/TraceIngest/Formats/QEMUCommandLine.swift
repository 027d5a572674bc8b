internal import TraceModel

/// A QEMU command line, from `ps`, `/proc/PID/cmdline` or libvirt's log:
///
///     qemu-system-x86_64 -name guest=web1,debug-threads=on -smp 2 -object iothread,id=io1 ...
///     qemu      2832 75.0 12.3 8765432 201234 ?   Sl   Oct06 123:45 /usr/bin/qemu-system-x86_64 -name ...
///     2026-10-07 08:02:19.454+0000: starting up libvirt version: 11.1.0, qemu version: 9.2.3, ...
///     LC_ALL=C \
///     /usr/bin/qemu-system-x86_64 \
///     -name guest=web1,debug-threads=on \
///     -msg timestamp=on
///
/// Every option becomes a setting of the guest that `-name` names; so does the number of the process, where
/// `ps` or `pgrep -a` put it in front. A log has every start of its guest; the last one counts.
struct QEMUCommandLine: FactFormat {
  let name = "qemu-cmdline"
  let producedBy = "tr '\\0' ' ' < /proc/$PID/cmdline"
  let clock = "none"
  let goodFor = "a guest's name, its disks, iothreads and queues"

  func begins(_ head: Span<UInt8>) -> Bool {
    var lines = 0
    return anyLine(of: head, atMost: 1 << 16) { start, end in
      let (from, last) = head.trimmed(start, end)
      guard from < last else { return false }
      lines += 1
      if LibvirtLog.isStart(head, from, last) {
        // Its command line follows; a log that is all of it is none.
        return head.find("qemu", from: from, head.count) != nil
          || head.find("/kvm", from: from, head.count) != nil
      }
      // In a list of processes anywhere; prose has such lines, too, but hardly at its beginning.
      return QEMUProgram.process(head, from, last) != nil
        || lines <= 4 && QEMUProgram.end(head, from, last) != nil
    }
  }

  func lines() -> any FactLines { QEMULines() }
}

/// Lines of libvirt's log of a guest.
enum LibvirtLog {
  /// `2026-10-07 08:02:19.454+0000: starting up libvirt version: 11.1.0, ...`; `...: starting up` alone
  /// before libvirt 1.2.
  static func isStart(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
    guard start + 20 < end, bytes[start] &- 0x30 < 10,
      let found = bytes.find(": starting up", from: start, min(end, start + 60))
    else { return false }
    return found + 13 == end || bytes[found + 13] == 0x20
  }

  /// A line of the command that a log shows, or a message beside it.
  static func isPart(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
    let isContinued = bytes[end - 1] == UInt8(ascii: "\\")
    // `-smp 2 \`, `LC_ALL=C \`, `/usr/bin/qemu-system-x86_64 \`
    if isContinued {
      return bytes[start] == UInt8(ascii: "-") || bytes[start] == UInt8(ascii: "/")
        || bytes.find("=", from: start, end) != nil
    }
    let messages: [StaticString] = ["-msg timestamp", "char device redirected to "]
    if messages.contains(where: { bytes.has($0, at: start, end) }) { return true }
    // `2026-10-07 09:00:00.000+0000: shutting down, reason=destroyed`
    guard bytes[start] &- 0x30 < 10, bytes.writtenDate(start, end)?.wall != nil else {
      return false
    }
    let said: [StaticString] = [": starting up", ": shutting down", " is tainted", ": initiating "]
    return said.contains { bytes.find($0, from: start, end) != nil }
  }
}

/// Where the program of a QEMU command line is.
enum QEMUProgram {
  /// `qemu-system-x86_64`, `/usr/libexec/qemu-kvm`, `/usr/bin/kvm`.
  private static func isName(_ bytes: Span<UInt8>, _ word: Range<Int>) -> Bool {
    var from = word.lowerBound
    for at in word where bytes[at] == UInt8(ascii: "/") { from = at + 1 }
    let name = from..<word.upperBound
    if bytes.has("qemu-system-", at: from, name.upperBound) { return true }
    return bytes.equals("qemu-kvm", name) || bytes.equals("kvm", name)
      || from > word.lowerBound && bytes.equals("qemu", name)
  }

  /// Where the program's name ends when it is the first word; nil when another is, or no option follows.
  static func end(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Int? {
    var at = start
    bytes.skipBlanks(&at, end)
    let from = at
    while at < end, bytes[at] > 0x20 { at += 1 }
    guard at > from, isName(bytes, from..<at), hasOption(bytes, at, end) else { return nil }
    return at
  }

  private static func hasOption(_ bytes: Span<UInt8>, _ position: Int, _ end: Int) -> Bool {
    var at = position
    while at < end, bytes[at] <= 0x20 { at += 1 }
    // `qemu-system-x86_64 \`: the next line has it.
    if at + 1 == end { return bytes[at] == UInt8(ascii: "\\") }
    return at + 1 < end && bytes[at] == UInt8(ascii: "-") && bytes[at + 1] > 0x20
  }

  /// Whether a line is a row of a list of processes: `root  1  0.0 ...`, `1234 sshd: root`.
  static func isRow(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
    var fields = Fields()
    fields.cut(bytes, start, end)
    return fields.count >= 2
      && (bytes.isNumber(fields[0]) || fields.count >= 4 && bytes.isNumber(fields[1]))
  }

  /// The process and the program in a row of a list of processes:
  ///
  ///     2832 qemu-system-x86_64 -name ...
  ///     qemu  2832  1 75 10:15 ?  00:12:34 /usr/libexec/qemu-kvm -name ...
  ///
  /// What stands before the program are columns as ps prints them, not another program (`grep qemu-kvm`).
  static func process(
    _ bytes: Span<UInt8>, _ start: Int, _ end: Int
  ) -> (pid: Int64, name: Range<Int>)? {
    var at = start
    var words = 0
    var pid: Int64?
    while words < 24 {
      bytes.skipBlanks(&at, end)
      let from = at
      while at < end, bytes[at] > 0x20 { at += 1 }
      guard at > from else { return nil }
      let word = from..<at
      if isName(bytes, word) {
        guard let pid, hasOption(bytes, at, end) else { return nil }
        return (pid, word)
      }
      if pid == nil, let number = bytes.wholeNumber(word), number > 0, number < 1 << 23 {
        pid = number
      } else if words > 0 || pid != nil {
        guard isColumn(bytes, word) else { return nil }
      } else if bytes.find("=", from: from, at) != nil || bytes[from] == UInt8(ascii: "/") {
        // The user's name comes first.
        return nil
      }
      words += 1
    }
    return nil
  }

  /// `75.0`, `?`, `pts/0`, `Sl+`, `Oct06`, `2026`, `10:15`, `1-02:03:04`, `TS`, `Wed`, `-`.
  private static func isColumn(_ bytes: Span<UInt8>, _ word: Range<Int>) -> Bool {
    let first = bytes[word.lowerBound]
    if first &- 0x30 < 10 || bytes.equals("?", word) || bytes.equals("-", word) { return true }
    if bytes.has("pts/", at: word.lowerBound, word.upperBound)
      || bytes.has("tty", at: word.lowerBound, word.upperBound)
    {
      return true
    }
    // A state, a class or a day: short, and in capitals at its beginning.
    return word.count <= 5 && first &- 0x41 < 26
  }
}

private final class QEMULines: FactLines {
  /// The options of a start.
  private struct Start: Equatable {
    var guest = ""
    var process: Int64?
    var options: [Option] = []
    var line: Int64 = 0
  }

  private struct Option: Equatable {
    var name: String
    var value: String
  }

  private var starts: [Start] = []
  private(set) var isLog = false
  /// Words of a command that goes on in the next line; nil outside of one.
  private var open: (words: [String], bytes: Int, line: Int64)?
  /// The next lines are the environment of a command.
  private var isStarting = false

  /// A row of a list of processes came.
  private var hasRows = false

  let areSingle = true

  /// A longer command is none.
  private static let longest = 1 << 24
  /// More guests are on no host.
  private static let mostStarts = 1 << 14

  func opens(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
    let (from, last) = bytes.trimmed(start, end)
    guard from < last else { return false }
    return open != nil || isStarting || LibvirtLog.isStart(bytes, from, last)
      || QEMUProgram.end(bytes, from, last) != nil
      || QEMUProgram.process(bytes, from, last) != nil
  }

  func take(_ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ log: inout FactLog) -> Bool {
    let (from, last) = bytes.trimmed(start, end)
    guard from < last else { return isLog }
    if LibvirtLog.isStart(bytes, from, last) {
      close()
      isLog = true
      isStarting = true
      return note(bytes, from, last, &log)
    }
    if open != nil {
      // A line of the log breaks a command that was cut off.
      if isLog, bytes[from] &- 0x30 < 10, bytes.find(": ", from: from, last) != nil {
        close()
        return note(bytes, from, last, &log)
      }
      add(bytes, from, last)
      return true
    }
    if let (pid, name) = QEMUProgram.process(bytes, from, last) {
      hasRows = true
      begin(bytes, name.upperBound, last, pid, log.line)
      return true
    }
    if let program = QEMUProgram.end(bytes, from, last) {
      begin(bytes, program, last, nil, log.line)
      return true
    }
    if isStarting {
      if let program = program(bytes, from, last) {
        begin(bytes, program, last, nil, log.line)
        return true
      }
      return note(bytes, from, last, &log)
    }
    // Other processes of the list: `ps aux | grep qemu` has its own grep.
    let isKnown = isLog || hasRows && QEMUProgram.isRow(bytes, from, last)
    return isKnown && note(bytes, from, last, &log)
  }

  private func note(
    _ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ log: inout FactLog
  ) -> Bool {
    log.notices.add(.toolNotice, line: log.line, column: nil, bytes: bytes, from: start, to: end)
    return true
  }

  /// `/usr/bin/qemu-system-x86_64 \`, or behind its environment: `LC_ALL=C PATH=/bin /usr/bin/kvm -name web1`.
  private func program(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Int? {
    var at = start
    while true {
      bytes.skipBlanks(&at, end)
      let from = at
      while at < end, bytes[at] > 0x20 { at += 1 }
      guard at > from else { return nil }
      if bytes.find("=", from: from, at) == nil, bytes[from] != UInt8(ascii: "\\") {
        return bytes[from] == UInt8(ascii: "/") || bytes.has("qemu", at: from, at) ? at : nil
      }
    }
  }

  private func begin(
    _ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ process: Int64?, _ line: Int64
  ) {
    isStarting = false
    open = ([], 0, line)
    self.process = process
    add(bytes, start, end)
  }

  private var process: Int64?

  /// Adds the words of a line; one that does not end with a backslash is the last.
  private func add(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) {
    guard var command = open else { return }
    var last = end
    let isContinued = last > start && bytes[last - 1] == UInt8(ascii: "\\")
    if isContinued { last -= 1 }
    command.words += Self.words(bytes, start, last)
    command.bytes += end - start
    open = command
    if !isContinued || command.bytes > Self.longest { close() }
  }

  private func close() {
    isStarting = false
    guard let command = open else { return }
    open = nil
    var start = Start(process: process, line: command.line)
    for word in command.words {
      if word.hasPrefix("-"), word.utf8.count > 1 {
        start.options.append(Option(name: word, value: ""))
      } else if start.options.isEmpty {
        start.options.append(Option(name: "", value: word))
      } else {
        // A second word: a value with blanks in it (`-append console=ttyS0 quiet`), or an image.
        let last = start.options.count - 1
        start.options[last].value += start.options[last].value.isEmpty ? word : " " + word
      }
    }
    if let name = start.options.first(where: { $0.name == "-name" || $0.name == "--name" }) {
      for part in name.value.split(separator: ",") {
        if part.hasPrefix("guest=") {
          start.guest = String(part.dropFirst(6))
        } else if start.guest.isEmpty, !part.contains("=") {
          start.guest = String(part)
        }
      }
    }
    if starts.count < Self.mostStarts { starts.append(start) }
  }

  func finish(_ log: inout FactLog) {
    close()
    // The last start of a guest counts; two processes of one name are two.
    var kept: [Start] = []
    for start in starts {
      let same = kept.firstIndex {
        $0.process == start.process && $0.guest == start.guest
          && (isLog || !start.guest.isEmpty || start.process != nil)
      }
      guard let same else {
        kept.append(start)
        continue
      }
      // A list that was taken twice says the same again.
      if kept[same].options != start.options || isLog, start.process == nil {
        log.notices.add(.supersededStart, count: 1, line: kept[same].line)
      }
      kept[same] = start
    }
    for start in kept {
      var options = start.options
      if let process = start.process { options.append(Option(name: "pid", value: "\(process)")) }
      for option in options {
        log.batch.settings.append(
          SettingFact(
            kind: "qemu", object: start.guest, name: option.name, value: option.value,
            line: start.line))
        if option.name.hasSuffix("-drive") || option.name.hasSuffix("-object") {
          log.batch.settings += IOLimits.facts(inOption: option.value, line: start.line)
        }
      }
    }
  }

  /// Words parted by blanks or zero bytes. Quotes keep blanks together, as a shell reads them; those of a word
  /// that is JSON are its own: `ps` prints it as it is.
  private static func words(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> [String] {
    var words: [String] = []
    var word: [UInt8] = []
    var quote: UInt8 = 0
    var isJSON = false
    var isOpen = false
    var index = start
    while index < end {
      let byte = bytes[index]
      if isJSON {
        // Within a string of JSON.
        word.append(byte)
        if byte == UInt8(ascii: "\\"), index + 1 < end {
          index += 1
          word.append(bytes[index])
        } else if byte == UInt8(ascii: "\"") {
          isJSON = false
        }
      } else if quote != 0 {
        if byte == quote { quote = 0 } else { word.append(byte) }
      } else if byte == UInt8(ascii: "\""), word.first == UInt8(ascii: "{") {
        word.append(byte)
        isJSON = true
      } else if byte == UInt8(ascii: "'") || byte == UInt8(ascii: "\"") {
        quote = byte
        isOpen = true
      } else if byte == UInt8(ascii: "\\"), index + 1 < end, bytes[index + 1] == UInt8(ascii: "'") {
        // `'it'\''s'`: a quote between quotes.
        index += 1
        word.append(bytes[index])
        isOpen = true
      } else if byte <= 0x20 {
        if isOpen { words.append(String(decoding: word, as: UTF8.self)) }
        word = []
        isOpen = false
      } else {
        word.append(byte)
        isOpen = true
      }
      index += 1
    }
    if isOpen { words.append(String(decoding: word, as: UTF8.self)) }
    return words
  }
}
