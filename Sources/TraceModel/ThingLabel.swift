/// What a heading or the name of a file says of whose readings stand below it.
///
///     === web1 ===             web1
///     --- sample 3 ---         nothing: it says when
///     web2-netdev-after.txt    web2
public struct ThingLabel: Hashable, Sendable {
  /// The words that may name a machine or another thing, in lower case; empty where there are none.
  public let words: [String]

  /// The label of a text.
  public init(_ text: some StringProtocol) {
    words = text.lowercased().split { !$0.isLetter && !$0.isNumber }.map(String.init).filter {
      !Self.saysNothing($0)
    }
  }

  /// Whether two files with these labels may be of two machines: they differ in a single word (`web1`, `web2`).
  /// `isSure`: only where the word is the same but for its number.
  public func excludes(_ other: ThingLabel, isSure: Bool) -> Bool {
    guard words.count == other.words.count else { return false }
    let pairs = zip(words, other.words).filter { $0 != $1 }
    guard pairs.count == 1, let (own, others) = pairs.first else { return false }
    return !isSure || Self.withoutNumber(own) == Self.withoutNumber(others)
  }

  private static func withoutNumber(_ word: String) -> Substring {
    word[...].prefix { !$0.isNumber }
  }

  /// A time, a count, or a word of the list; `sample3`, `t0` and `netdev2` too.
  private static func saysNothing(_ word: String) -> Bool {
    let letters = withoutNumber(word)
    return letters.isEmpty || silent.contains(String(letters))
  }

  private static let silent: Set<String> = Set(
    (moments + tools + fillers).flatMap { $0.split(separator: " ").map(String.init) })

  /// When it was read, or during what.
  private static let moments = [
    "before after during while pre post start started begin beginning end ended stop first second third last "
      + "initial final then now later earlier prior next previous old new baseline base",
    "sample samples snap snapshot snapshots run runs round rounds iteration iter loop pass step test tests "
      + "try trial take reading readings read measure measurement probe phase part no nr num number count "
      + "t s i n idle load loaded busy quiet peak stress warmup warm cold good bad slow fast ok problem incident",
    "time date day hour min minute sec second seconds ms utc gmt cet cest est edt pst pdt z am pm",
    "mon tue wed thu fri sat sun monday tuesday wednesday thursday friday saturday sunday",
    "jan feb mar apr may jun jul aug sep oct nov dec january february march april june july august september "
      + "october november december morning noon evening night yesterday today",
  ]
  /// What was read.
  private static let tools = [
    "ethtool ip link links proc net dev netdev stat stats statistics statistic counters counter softnet "
      + "softnetstat tc qdisc qdiscs vmstat numastat numa node nodes diskstats disk disks schedstat sched task "
      + "tasks cpu cpus cpuinfo mem memory meminfo nic nics network networks networking interface interfaces "
      + "iface ifaces if card cards driver drivers queue queues ring rings drop drops dropped packets packet "
      + "error errors loss steal io sys system devices device"
  ]
  private static let fillers = [
    "the a an of for on in at to from and with by all out output file log logs txt dat data gz xz bz zst zip "
      + "csv json cat tail head show list info print begin end begins ends command cmd results result dump raw "
      + "host hosts guest guests vm vms machine machines server servers name hostname tmp home root var"
  ]
}

extension ThingLabel {
  /// The first interface that a text names (`eth0`, `## ens3 ##`, `web1-eth0.txt`); nil where it names none.
  public static func interface(_ text: some StringProtocol) -> String? {
    for word in text.split(whereSeparator: \.isWhitespace) {
      let word = trimmed(String(word)[...])
      if isInterface(word) { return String(word) }
      for part in word.split(whereSeparator: { "-/_:,=".contains($0) }) where isInterface(part) {
        return String(part)
      }
    }
    return nil
  }

  private static func trimmed(_ word: Substring) -> Substring {
    var word = word
    while let last = word.last, ":,;)]'\"".contains(last) { word = word.dropLast() }
    while let first = word.first, "([\"'".contains(first) { word = word.dropFirst() }
    for ending in [".gz", ".xz", ".bz2", ".zst", ".txt", ".log", ".out"]
    where word.hasSuffix(ending) {
      word = word.dropLast(ending.count)
    }
    return word
  }

  /// Whether a word is what interfaces are called, and not `before` or `run1`.
  public static func isInterface(_ word: some StringProtocol) -> Bool {
    let beginnings = [
      "eth", "en", "em", "bond", "team", "tap", "vnet", "macvtap", "ib", "wlan", "wl", "veth", "br",
      "virbr", "p",
    ]
    guard word.utf8.count <= 15,
      word.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || ".@-_:".contains($0)) })
    else { return false }
    return beginnings.contains { beginning in
      word.hasPrefix(beginning)
        && word.dropFirst(beginning.count).first.map { next in
          next.isNumber
            || beginning == "en" && "spoxbd".contains(next)
              && word.contains(where: \.isNumber)
        } ?? false
    }
  }
}
