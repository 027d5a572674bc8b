/// What a command prints, as far as we read it.
enum CommandOutput {
  /// One of our formats: `vmstat 1`, `cat /proc/stat`.
  case ours
  /// Another tool's: `free -m`, `/bin/df -h`.
  case another
  /// Not clear: a script, `cat` of some file.
  case unclear
}

/// A command as it stands in a text before its output.
struct CommandLine {
  /// Where its words are; empty for a prompt without a command.
  let text: Range<Int>
  let output: CommandOutput
  /// Seconds between the rows of `vmstat 1 6`.
  let interval: Int64?
  /// It prints a date.
  let isDate: Bool
  /// The machine it runs on, by the prompt or ssh; nil where neither says it.
  let host: Range<Int>?
  /// What it looks into: a network namespace, a container.
  let space: Range<Int>?

  /// A command that stands between these positions, without a prompt. `isMarked`: something before
  /// it marked it as a command.
  init(
    _ bytes: Span<UInt8>, _ range: Range<Int>, isMarked: Bool, prompt: Range<Int>? = nil
  ) {
    text = range
    let words = CommandWords(bytes, range)
    host = words.host(bytes) ?? prompt
    space = words.space(bytes)
    interval = words.interval(bytes)
    isDate =
      bytes.find("date", from: range.lowerBound, range.upperBound) != nil
      || bytes.find("hwclock", from: range.lowerBound, range.upperBound) != nil
    if words.isOurs(bytes) {
      output = .ours
    } else if words.isAnothers(bytes) || isMarked && words.isAnothersPath(bytes) {
      output = .another
    } else {
      output = .unclear
    }
  }

  private init(prompt end: Int, host: Range<Int>?) {
    text = end..<end
    self.host = host
    space = nil
    output = .unclear
    interval = nil
    isDate = false
  }

  /// The command of a line that begins as a shell, `set -x` or a collecting script begins one:
  ///
  ///     $ numactl -H
  ///     [root@web1 ~]# vmstat 1
  ///     web1:~ # /usr/bin/free -k
  ///     + cat /proc/stat
  ///     virsh # domstats web1
  ///
  /// nil for any other line.
  static func marked(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> CommandLine? {
    guard start < end else { return nil }
    switch bytes[start] {
    case UInt8(ascii: "+"):
      var at = start
      while at < end, bytes[at] == UInt8(ascii: "+") { at += 1 }
      guard at < end, bytes[at] == 0x20 else { return nil }
      return command(bytes, at, end, isSure: true)
    case UInt8(ascii: "#"):
      // A comment, unless a program that we know, or a path, follows.
      var at = start
      while at < end, bytes[at] == UInt8(ascii: "#") { at += 1 }
      guard at < end, bytes[at] == 0x20 else { return nil }
      bytes.skipBlanks(&at, end)
      let words = CommandWords(bytes, at..<end)
      guard words.isCommand(bytes) || words.isPath(bytes) else { return nil }
      return CommandLine(bytes, at..<end, isMarked: true)
    case UInt8(ascii: "$"), UInt8(ascii: "%"), UInt8(ascii: ">"):
      guard start + 1 == end || bytes[start + 1] == 0x20 else { return nil }
      return command(bytes, start + 1, end, isSure: bytes[start] == UInt8(ascii: "$"))
    default: break
    }
    if bytes.has("(qemu)", at: start, end), start + 6 == end || bytes[start + 6] == 0x20 {
      return command(bytes, start + 6, end, isSure: true)
    }
    // `Command: vmstat 1 5`
    for label in ["Command: ", "COMMAND: ", "command: ", "cmd: ", "CMD: "] as [StaticString]
    where bytes.has(label, at: start, end) {
      return command(bytes, start + label.utf8CodeUnitCount, end, isSure: true)
    }
    // Rows of tables begin with digits and blanks.
    let first = bytes[start]
    let isPrompt =
      first | 0x20 &- 0x61 < 26 || first == UInt8(ascii: "[") || first == UInt8(ascii: "~")
      || first == UInt8(ascii: "/") || first == UInt8(ascii: "(")
    return isPrompt ? prompted(bytes, start, end) : nil
  }

  /// The command, or the file, that stands between marks: `=== free -m ===`, `==> /proc/vmstat <==`.
  static func inBanner(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> CommandLine? {
    let (from, to) = betweenMarks(bytes, start, end)
    guard start < from, from < to else { return nil }
    let words = CommandWords(bytes, from..<to)
    guard words.isCommand(bytes) || words.isPath(bytes) else { return nil }
    return CommandLine(bytes, from..<to, isMarked: true)
  }

  /// What stands between marks: `eth0` of `==> eth0 <==`; empty where there is nothing.
  static func betweenMarks(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> (from: Int, to: Int) {
    func isMark(_ byte: UInt8) -> Bool {
      byte <= 0x20 || ("=-*#+~_<>[]|:".utf8).contains(byte)
    }
    var (from, to) = (start, end)
    while from < to, isMark(bytes[from]) { from += 1 }
    while to > from, isMark(bytes[to - 1]) { to -= 1 }
    return (from, to)
  }

  /// The command of a line that is nothing but one: `vmstat 1 6`, `cat /proc/stat`.
  static func bare(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> CommandLine? {
    guard start < end, bytes[start] | 0x20 &- 0x61 < 26 || bytes[start] == UInt8(ascii: "/") else {
      return nil
    }
    let words = CommandWords(bytes, start..<end)
    guard words.isCommand(bytes) else { return nil }
    return CommandLine(bytes, start..<end, isMarked: true)
  }

  private static func command(
    _ bytes: Span<UInt8>, _ from: Int, _ end: Int, isSure: Bool, host: Range<Int>? = nil
  ) -> CommandLine? {
    var at = from
    bytes.skipBlanks(&at, end)
    guard at < end else { return CommandLine(prompt: end, host: host) }
    guard isSure || CommandWords(bytes, at..<end).isCommand(bytes) else { return nil }
    return CommandLine(bytes, at..<end, isMarked: true, prompt: host)
  }

  /// The machine of a prompt: `web1` of `[root@web1 ~]`, `root@web1:~` and `web1:/tmp `.
  private static func host(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Range<Int>? {
    var from = start
    while from < end, bytes[from] != UInt8(ascii: "@") { from += 1 }
    let isNamed = from < end
    from = isNamed ? from + 1 : start
    var to = from
    while to < end, bytes[to] > 0x20, bytes[to] != UInt8(ascii: ":"), bytes[to] != UInt8(ascii: "]")
    {
      to += 1
    }
    let isPlaced = to < end && bytes[to] == UInt8(ascii: ":")
    guard to > from, isNamed || isPlaced && bytes[from] | 0x20 &- 0x61 < 26 else { return nil }
    return from..<to
  }

  /// Whether the last word before the position is a folder: `web1 ~ #`, `web1 /etc #`.
  private static func isPlace(_ bytes: Span<UInt8>, _ start: Int, _ position: Int) -> Bool {
    var at = position
    while at > start, bytes[at - 1] == 0x20 { at -= 1 }
    while at > start, bytes[at - 1] > 0x20 { at -= 1 }
    return bytes[at] == UInt8(ascii: "~") || bytes[at] == UInt8(ascii: "/")
  }

  /// Bytes that a prompt may have.
  private static let longestPrompt = 96

  /// `user@web1:~$ vmstat 1`, `[root@web1 ~]#`, `web1:/tmp # ls`, `bash-5.1$ ls`, `web1# vmstat 1`.
  private static func prompted(
    _ bytes: Span<UInt8>, _ start: Int, _ end: Int
  ) -> CommandLine? {
    let limit = min(end, start + longestPrompt)
    var hasHost = false
    var hasPlace = false
    var blanks = 0
    var at = start
    while at < limit {
      switch bytes[at] {
      case UInt8(ascii: "@"): hasHost = true
      case UInt8(ascii: "~"), UInt8(ascii: "/"): hasPlace = true
      case 0x20, 0x09: blanks += 1
      case UInt8(ascii: "$"), UInt8(ascii: "#"), UInt8(ascii: "%"), UInt8(ascii: ">"):
        let isEnd = at + 1 == end || bytes[at + 1] == 0x20
        guard isEnd, at > start else { break }
        let isShell = bytes[at] == UInt8(ascii: "$") || bytes[at] == UInt8(ascii: "#")
        // `web1:~ #`, `[root@web1 ~]#`, `root@web1:/var/log#`, `/ #`.
        let isPrompt =
          isShell && blanks <= 3
          && (hasHost
            || hasPlace && !bytes.hasDouble(0x20, start, at)
              && (bytes[start] == UInt8(ascii: "~") || bytes[start] == UInt8(ascii: "/")
                || bytes[start] == UInt8(ascii: "[")
                || bytes.find(":", from: start, at) != nil || isPlace(bytes, start, at))
            || bytes.has("bash-", at: start, at) || bytes.has("sh-", at: start, at))
        // `web1# vmstat 1`, `virsh # list`: only with a command that we know.
        let isWord = blanks == 0 || blanks == 1 && bytes[at - 1] == 0x20
        guard isPrompt || isWord else { return nil }
        return command(
          bytes, at + 1, end, isSure: isPrompt, host: isPrompt ? host(bytes, start, at) : nil)
      default: break
      }
      at += 1
    }
    return nil
  }
}

extension Span where Element == UInt8 {
  /// Whether two of these bytes stand side by side.
  fileprivate func hasDouble(_ byte: UInt8, _ start: Int, _ end: Int) -> Bool {
    var at = start + 1
    while at < end {
      if self[at] == byte, self[at - 1] == byte { return true }
      at += 1
    }
    return false
  }
}

/// The words of a command line.
private struct CommandWords {
  /// Longer lines are no commands.
  private static let longest = 2048
  private let words: Fields

  init(_ bytes: Span<UInt8>, _ range: Range<Int>) {
    var fields = Fields()
    if range.count <= Self.longest { fields.cut(bytes, range.lowerBound, range.upperBound) }
    words = fields
  }

  /// Programs whose output is one of our formats, all of it or with the right options.
  private static let ours: [StaticString] = [
    "vmstat", "numastat", "numactl", "ethtool", "ip", "tc", "lscpu", "lsblk", "losetup", "dmsetup",
    "filefrag", "qemu-img", "blkparse", "trace-cmd", "virsh", "iostat", "mpstat", "sar", "pidstat",
    "sadf", "ifconfig", "nvme", "ebsnvme", "top", "fio",
    "biosnoop", "biolatency", "runqlat", "runqslower",
  ]

  /// Files that are one of our formats.
  private static let files: [StaticString] = [
    "/proc/vmstat", "/proc/stat", "/proc/diskstats", "/proc/schedstat", "/proc/net/dev",
    "/proc/net/softnet_stat", "/schedstat", "/numastat", "/pressure/", ".pressure", "/cpu.stat",
  ]

  /// Programs of others.
  private static let others: [StaticString] = [
    "date", "uname", "uptime", "hostname", "hostnamectl", "free", "df", "du", "ps", "pstree",
    "htop", "atop", "iotop", "dstat", "dool", "nmon",
    "netstat", "nstat", "ss", "route", "arp", "lspci", "lsusb", "lsmod", "lsof",
    "mount",
    "findmnt", "dmesg", "journalctl", "systemctl", "timedatectl", "chronyc", "ntpq", "sysctl",
    "slabtop",
    "w", "who", "whoami", "id", "last", "lastlog", "rpm", "dpkg", "smartctl", "lvs", "pvs",
    "vgs", "lvdisplay",
    "vgdisplay", "pvdisplay", "mdadm", "multipath", "dmidecode", "lshw", "hwclock", "turbostat",
    "tuned-adm",
    "cpupower", "swapon", "blkid", "fdisk", "parted", "brctl", "bridge", "ovs-vsctl",
    "iptables", "nft", "conntrack", "ls", "echo", "pwd", "env", "ulimit", "runlevel", "ipcs",
    "getconf", "sleep",
    "clear", "exit", "history", "perf", "docker", "podman", "kubectl", "virt-top",
    "systemd-cgtop",
    "kvm_stat", "pmrep", "pmstat", "vm_stat", "prstat", "kstat",
  ]

  /// Programs before a program: `sudo vmstat 1`, `ssh web1 vmstat 1`, `watch -n 1 numastat`.
  private static let before: [StaticString] = [
    "sudo", "time", "nohup", "stdbuf", "timeout", "watch", "ssh", "chrt", "nice", "ionice",
    "taskset",
    "env", "exec",
  ]

  /// Words that a loop begins with.
  private static let loops: [StaticString] = ["while", "for", "until"]

  /// The last part of a word's path, without what shells put around it.
  private func name(_ bytes: Span<UInt8>, _ index: Int) -> Range<Int> {
    var range = words[index]
    while let last = range.last,
      bytes[last] == UInt8(ascii: ";") || bytes[last] == UInt8(ascii: "'")
        || bytes[last] == UInt8(ascii: "\"") || bytes[last] == UInt8(ascii: ")")
        || bytes[last] == UInt8(ascii: ":")
    {
      range = range.lowerBound..<last
    }
    var from = range.lowerBound
    for at in range where bytes[at] == UInt8(ascii: "/") || bytes[at] == UInt8(ascii: "(") {
      from = at + 1
    }
    while from < range.upperBound,
      bytes[from] == UInt8(ascii: "'") || bytes[from] == UInt8(ascii: "\"")
        || bytes[from] == UInt8(ascii: "`")
    {
      from += 1
    }
    return from..<range.upperBound
  }

  private func isOne(_ names: [StaticString], _ bytes: Span<UInt8>, _ index: Int) -> Bool {
    let name = name(bytes, index)
    return names.contains { bytes.equals($0, name) }
  }

  /// Where the program is: behind assignments (`LC_ALL=C`) and the likes of sudo.
  private func program(_ bytes: Span<UInt8>) -> Int? {
    var index = 0
    var isBehind = false
    while index < words.count {
      let word = words[index]
      let isAssignment =
        bytes[word.lowerBound] | 0x20 &- 0x61 < 26
        && bytes.find("=", from: word.lowerBound, word.upperBound) != nil
      if isOne(Self.before, bytes, index) {
        isBehind = true
      } else if isBehind, !isOne(Self.ours, bytes, index), !isOne(Self.others, bytes, index) {
        // An option of it, or the machine that ssh goes to.
      } else if !isAssignment {
        return index
      }
      index += 1
    }
    return nil
  }

  /// Whether this is a command beyond doubt: a program that we know with words behind it as it takes them,
  /// and not a row of a table or prose that begins with the same word.
  func isCommand(_ bytes: Span<UInt8>) -> Bool {
    guard words.count > 0 else { return false }
    if isOne(Self.loops, bytes, 0) {
      return words.count > 2
        && (bytes.find("do", from: words[1].lowerBound, words[words.count - 1].upperBound) != nil)
        && bytes.find(";", from: words[0].lowerBound, words[words.count - 1].upperBound) != nil
    }
    guard let index = program(bytes) else { return false }
    let isReader =
      bytes.equals("cat", name(bytes, index)) || bytes.equals("grep", name(bytes, index))
      || bytes.equals("head", name(bytes, index)) || bytes.equals("tail", name(bytes, index))
    guard isReader || isOne(Self.ours, bytes, index) || isOne(Self.others, bytes, index) else {
      return false
    }
    // `cat: /proc/foo: No such file`, `lsblk: dm-0: failed to get ...` are complaints.
    if bytes[words[index].upperBound - 1] == UInt8(ascii: ":") { return false }
    guard index + 1 < words.count else { return !isReader }
    let next = words[index + 1]
    switch bytes[next.lowerBound] {
    case UInt8(ascii: "-"), UInt8(ascii: "/"), UInt8(ascii: "|"), UInt8(ascii: ";"),
      UInt8(ascii: "&"), UInt8(ascii: ">"), UInt8(ascii: "+"), UInt8(ascii: "$"):
      return true
    case 0x30...0x39:
      let periodic: [StaticString] = [
        "vmstat", "iostat", "mpstat", "sar", "pidstat", "dstat", "sleep",
      ]
      return isOne(periodic, bytes, index)
    default: break
    }
    if bytes[words[index].upperBound - 1] == UInt8(ascii: ";") { return true }
    let subcommands: [(StaticString, [StaticString])] = [
      (
        "virsh",
        [
          "domstats", "list", "vcpuinfo", "dominfo", "schedinfo", "qemu-monitor-command",
          "dumpxml", "vcpupin", "emulatorpin", "domblkstat", "domblklist", "domifstat",
          "blkdeviotune",
          "nodeinfo", "iothreadinfo", "dommemstat", "capabilities", "freepages", "numatune",
        ]
      ),
      ("dmsetup", ["table", "ls", "info", "status", "deps"]),
      ("ip", ["addr", "a", "link", "l", "route", "r", "neigh", "address", "netns"]),
      ("tc", ["qdisc", "class", "filter"]),
      ("qemu-img", ["map", "info", "check"]),
      ("perf", ["sched", "stat", "record", "script", "top", "trace", "kvm"]),
      ("systemctl", ["status", "list-units", "show"]),
      ("trace-cmd", ["report", "record"]),
      ("numastat", ["qemu-kvm", "qemu-system-x86_64", "qemu"]),
      ("ps", ["aux", "auxwww", "auxww", "axwwo", "ax", "auxf", "auxH", "axo"]),
      ("lsblk", []), ("cat", []),
    ]
    for (program, follow) in subcommands where bytes.equals(program, name(bytes, index)) {
      return follow.contains { bytes.equals($0, next) }
    }
    return false
  }

  /// Whether it is a path, as scripts that collect files print it before a file: `# /proc/vmstat`.
  func isPath(_ bytes: Span<UInt8>) -> Bool {
    words.count > 0 && bytes[words[0].lowerBound] == UInt8(ascii: "/") && words[0].count > 1
  }

  /// Whether the first word is the path of a program, or of a file of the system.
  func isAnothersPath(_ bytes: Span<UInt8>) -> Bool {
    guard isPath(bytes) else { return false }
    let (start, end) = (words[0].lowerBound, words[0].upperBound)
    let system: [StaticString] = ["/proc/", "/sys/", "/etc/", "/var/", "/boot/"]
    return bytes.find("bin/", from: start, end) != nil
      || system.contains { bytes.has($0, at: start, end) }
  }

  /// Whether it prints one of our formats.
  func isOurs(_ bytes: Span<UInt8>) -> Bool {
    guard words.count > 0 else { return false }
    let (start, end) = (words[0].lowerBound, words[words.count - 1].upperBound)
    for file in Self.files where bytes.find(file, from: start, end) != nil { return true }
    // That of a process; /proc/cmdline is the kernel's.
    if bytes.find("/cmdline", from: start, end) != nil,
      bytes.find("/proc/cmdline", from: start, end) == nil
    {
      return true
    }
    func has(_ texts: [StaticString]) -> Bool {
      texts.contains { bytes.find($0, from: start, end) != nil }
    }
    for index in 0..<words.count {
      let name = name(bytes, index)
      let always: [StaticString] = [
        "vmstat", "numastat", "numactl", "lsblk", "losetup", "filefrag", "blkparse", "trace-cmd",
        "mpstat", "sar", "pidstat", "ifconfig", "top", "fio", "biosnoop", "biolatency",
        "runqlat", "runqslower",
      ]
      if always.contains(where: { bytes.equals($0, name) }) { return true }
      if bytes.equals("ethtool", name) {
        return has([" -S", " -g", "--statistics", "--show-ring"])
      }
      if bytes.equals("ip", name) || bytes.equals("tc", name) {
        return has([" -s", " --stat", " -stat"])
      }
      if bytes.equals("nvme", name) { return has([" amzn"]) }
      if bytes.equals("lscpu", name) { return !has([" -J", " --json"]) }
      if bytes.equals("ebsnvme", name) { return has([" stats"]) }
      if bytes.equals("dmsetup", name) { return has([" table"]) }
      if bytes.equals("qemu-img", name) { return has([" map"]) }
      if bytes.equals("virsh", name) {
        return has(["qemu-monitor-command", "dumpxml", "blkdeviotune", "domstats"])
      }
      if bytes.equals("ps", name) {
        return has(["tid", "lwp", "-L", "-T", "-eL", "-m", "H", "TID", "LWP", "spid", "qemu"])
      }
    }
    return false
  }

  /// Whether it is another tool's for sure.
  func isAnothers(_ bytes: Span<UInt8>) -> Bool {
    guard let index = program(bytes) else { return false }
    if isOne(Self.others, bytes, index) { return true }
    // Ours, and not with the options that print what we read: `ip addr`, `lscpu`.
    if isOne(Self.ours, bytes, index) { return true }
    // `cat /proc/meminfo`: a file that none of ours is.
    guard bytes.equals("cat", name(bytes, index)), words.count > index + 1 else { return false }
    let known: [StaticString] = ["/proc/", "/sys/", "/etc/"]
    return known.contains {
      bytes.has($0, at: words[index + 1].lowerBound, words[index + 1].upperBound)
    }
  }

  /// The machine that `ssh -p 22 root@web1 cat /proc/stat` goes to.
  func host(_ bytes: Span<UInt8>) -> Range<Int>? {
    guard let ssh = (0..<words.count).first(where: { bytes.equals("ssh", name(bytes, $0)) }) else {
      return nil
    }
    var index = ssh + 1
    while index + 1 < words.count {
      let word = words[index]
      guard bytes[word.lowerBound] == UInt8(ascii: "-") else {
        var from = word.lowerBound
        for at in word where bytes[at] == UInt8(ascii: "@") { from = at + 1 }
        return from < word.upperBound ? from..<word.upperBound : nil
      }
      // `-p 22`, `-i key`, `-o Option=x`
      let isValued =
        word.count == 2 && ("pioFJlLRDbcemQSW".utf8).contains(bytes[word.lowerBound + 1])
      index += isValued ? 2 : 1
    }
    return nil
  }

  /// The network namespace or container that it looks into: `a` of `ip netns exec a ip -s link` and of
  /// `ip -n a -s link`, `4711` of `nsenter -t 4711 -n ip -s link`, `web1` of `docker exec -i web1 cat /proc/net/dev`.
  func space(_ bytes: Span<UInt8>) -> Range<Int>? {
    for index in 0..<words.count where index + 1 < words.count {
      if bytes.equals("exec", words[index]), index > 0 {
        let programs: [StaticString] = ["netns", "docker", "podman", "lxc", "kubectl", "crictl"]
        guard programs.contains(where: { bytes.equals($0, name(bytes, index - 1)) }) else {
          continue
        }
        var place = index + 1
        while place < words.count, bytes[words[place].lowerBound] == UInt8(ascii: "-") {
          place += 1
        }
        return place < words.count ? words[place] : nil
      }
      let isShort =
        bytes.equals("-n", words[index]) || bytes.equals("-netns", words[index])
      if isShort,
        (0..<index).contains(where: {
          bytes.equals("ip", name(bytes, $0)) || bytes.equals("tc", name(bytes, $0))
        })
      {
        return words[index + 1]
      }
      let isTarget = bytes.equals("-t", words[index]) || bytes.equals("--target", words[index])
      if isTarget, (0..<index).contains(where: { bytes.equals("nsenter", name(bytes, $0)) }) {
        return words[index + 1]
      }
    }
    return nil
  }

  /// `vmstat -w 1 6`: 1 s.
  func interval(_ bytes: Span<UInt8>) -> Int64? {
    guard let program = (0..<words.count).first(where: { bytes.equals("vmstat", name(bytes, $0)) })
    else { return nil }
    var index = program + 1
    while index < words.count {
      let word = words[index]
      if let value = bytes.wholeNumber(word) { return (1...86_400).contains(value) ? value : nil }
      // `-S M`, `-p sda1`: options with a word behind; all others are letters.
      guard bytes[word.lowerBound] == UInt8(ascii: "-") else { return nil }
      index += bytes[word.upperBound - 1] == UInt8(ascii: "S") ? 2 : 1
    }
    return nil
  }
}
