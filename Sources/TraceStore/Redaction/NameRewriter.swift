internal import TraceModel

/// Puts pseudonyms in the place of names, word by word, and leaves what nobody chose: numbers, the
/// kernel's names of devices and of its own threads, QEMU's names of its threads, and the words of
/// ``KeptWords``. All columns go through it, so that a word has one pseudonym wherever it stands.
struct NameRewriter {
  private(set) var pseudonyms: Pseudonyms
  /// Words that stayed.
  private(set) var kept: Set<String> = []
  private var machines: Set<String> = []
  /// Not nil: nothing is replaced; what would be, and is no pseudonym, is collected here.
  private var leftovers: Set<String>?

  init(_ pseudonyms: Pseudonyms) { self.pseudonyms = pseudonyms }

  /// A value of a column of that kind.
  mutating func rewrite(_ text: String, _ kind: RedactedKind) throws -> String {
    switch kind {
    case .machines: try machine(text)
    case .threads: try thread(text)
    case .devices, .files, .settings: try words(text, KeptWords.of(kind))
    }
  }

  /// Words in a redacted value that should have been replaced.
  func leftovers(in text: String, _ kind: RedactedKind) throws -> Set<String> {
    var checking = self
    checking.leftovers = []
    _ = try checking.rewrite(text, kind)
    return checking.leftovers ?? []
  }

  private mutating func replace(_ word: String) throws -> String {
    guard leftovers != nil else { return try pseudonyms.pseudonym(of: word) }
    if !pseudonyms.isGiven(word) { leftovers?.insert(word) }
    return word
  }

  private mutating func replace(address: String) throws -> String {
    guard leftovers != nil else { return try pseudonyms.pseudonym(ofAddress: address) }
    if !pseudonyms.isGiven(String(address.dropFirst(3))) { leftovers?.insert(address) }
    return address
  }

  private mutating func keep(_ word: String) -> String {
    kept.insert(word)
    return word
  }

  /// The name of a machine: replaced as a whole, whatever it looks like.
  private mutating func machine(_ name: String) throws -> String {
    // What a capture's folders are called when nobody gave a name.
    guard !name.isEmpty, name != "guest", name != "host" else { return name }
    if leftovers == nil { machines.insert(name) }
    return try replace(name)
  }

  /// The name of a thread: roles stay, with the names in them replaced (`IO web1`, `jbd2/vg0-web1-8`).
  private mutating func thread(_ name: String) throws -> String {
    if ThreadName.isRole(name) { return keep(name) }
    guard let head = ThreadName.kernelHead(name) else {
      return try words(name, KeptWords.of(.threads))
    }
    let rest = name.dropFirst(head.count)
    var result = keep(head)
    var piece = ""
    for (index, scalar) in rest.unicodeScalars.enumerated() {
      let isLast = index == rest.unicodeScalars.count - 1
      let isPart =
        scalar.value >= 0x80 || scalar == "_" || scalar.properties.isAlphabetic
        || ("0"..."9").contains(scalar)
      if isPart { piece.unicodeScalars.append(scalar) }
      if !isPart || isLast {
        result +=
          try ThreadName.isKernelWord(piece, mayBeCut: isLast) ? keep(piece) : replace(piece)
        piece = ""
      }
      if !isPart { result.unicodeScalars.append(scalar) }
    }
    return result
  }

  /// Any text: its words are letters, digits, `_`, `-`, `.` and all that is not ASCII; what parts them stays.
  private mutating func words(_ text: String, _ kept: Set<String>) throws -> String {
    // The number that some hypervisors call a guest by.
    if text.count >= 3, machines.contains(text) { return try replace(text) }
    let scalars = Array(text.unicodeScalars)
    var result = ""
    var at = 0
    while at < scalars.count {
      if let end = Self.address(in: scalars, from: at) {
        let address = Self.text(scalars[at..<end])
        result +=
          try Self.isHardwareAddress(address)
          ? replace(address: address) : replace(address)
        at = end
        continue
      }
      var end = at
      while end < scalars.count, Self.isPartOfWord(scalars[end]) { end += 1 }
      if end == at {
        result.unicodeScalars.append(scalars[at])
        at += 1
        continue
      }
      // `-name`, `..`, `[a-b-]`: what stands around the word.
      var (first, last) = (at, end)
      while first < end, scalars[first] == "-" || scalars[first] == "." { first += 1 }
      while last > first, scalars[last - 1] == "-" || scalars[last - 1] == "." { last -= 1 }
      result += Self.text(scalars[at..<first])
      if first < last { result += try word(Self.text(scalars[first..<last]), kept) }
      result += Self.text(scalars[last..<end])
      at = end
    }
    return result
  }

  /// One word.
  private mutating func word(_ word: String, _ kept: Set<String>) throws -> String {
    // A virtual machine may be called as the kernel or ESXi calls a device.
    if machines.contains(word), DeviceName.isKernels(word) { return try replace(word) }
    // `file.cache.direct`: QEMU's words in a row.
    if Self.isNumber(word) || word.split(separator: ".").allSatisfy({ kept.contains(String($0)) })
      || DeviceName.isKernels(word)
    {
      return keep(word)
    }
    // `guest-web1` is the folder of guest web1; `tap-web1` is a tap because of its name.
    for prefix in ["guest-", "host-"] + DeviceName.interfaceRoles where word.hasPrefix(prefix) {
      let rest = String(word.dropFirst(prefix.count))
      guard !rest.isEmpty else { break }
      return try keep(prefix) + replace(rest)
    }
    if let dot = word.lastIndex(of: "."), dot != word.startIndex {
      let stem = String(word[..<dot])
      let ending = String(word[word.index(after: dot)...])
      if KeptWords.fileEndings.contains(ending) || Self.isDigits(ending) && !Self.isNumber(stem) {
        return try self.word(stem, kept) + "." + ending
      }
    }
    return try replace(word)
  }

  // MARK: - What a word is

  private static func isPartOfWord(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar {
    case "0"..."9", "a"..."z", "A"..."Z", "_", "-", ".": true
    default: scalar.value >= 0x80
    }
  }

  /// `12`, `6.1`, `512M`, `0x1f`, `2026-11-25`, but no IPv4 address.
  static func isNumber(_ word: String) -> Bool {
    let date = word.split(separator: "-", omittingEmptySubsequences: false)
    if date.map(\.count) == [4, 2, 2] { return date.allSatisfy { isDigits($0) } }
    if word.hasPrefix("0x") { return word.dropFirst(2).allSatisfy(\.isHexDigit) }
    let groups = word.split(separator: ".", omittingEmptySubsequences: false)
    if groups.count == 1, let unit = word.last, "kKMGTBs".contains(unit) {
      return isDigits(word.dropLast())
    }
    return groups.count != 4 && groups.allSatisfy { isDigits($0) }
  }

  private static func isDigits(_ text: some StringProtocol) -> Bool {
    !text.isEmpty && text.utf8.allSatisfy { (0x30...0x39).contains($0) }
  }

  /// Where a hardware or IPv6 address ends that begins here; nil where none does. A time of day is none.
  private static func address(in scalars: [Unicode.Scalar], from start: Int) -> Int? {
    guard start == 0 || !isPartOfWord(scalars[start - 1]) && scalars[start - 1] != ":" else {
      return nil
    }
    var end = start
    while end < scalars.count, scalars[end] == ":" || scalars[end].properties.isASCIIHexDigit {
      end += 1
    }
    guard end == scalars.count || !isPartOfWord(scalars[end]) else { return nil }
    let groups = text(scalars[start..<end]).split(separator: ":", omittingEmptySubsequences: false)
    guard groups.count >= 3, groups.contains(where: { !$0.isEmpty }) else { return nil }
    let isTime = groups.count == 3 && groups.allSatisfy { $0.count == 2 && isDigits($0) }
    return isTime ? nil : end
  }

  private static func isHardwareAddress(_ text: String) -> Bool {
    let groups = text.split(separator: ":", omittingEmptySubsequences: false)
    return groups.count == 6 && groups.allSatisfy { $0.count == 2 }
  }

  private static func text(_ scalars: ArraySlice<Unicode.Scalar>) -> String {
    var text = ""
    text.unicodeScalars.append(contentsOf: scalars)
    return text
  }
}

/// Names that the kernel gives to devices.
enum DeviceName {
  /// `vda1`, `nvme0n1p2`, `dm-3`, `eth0`, `enp3s0f1`: made of a kind and numbers.
  static func isKernels(_ word: String) -> Bool {
    for kind in ["vd", "sd", "hd", "xvd"] where word.hasPrefix(kind) {
      let letters = word.dropFirst(kind.count).prefix { ("a"..."z").contains($0) }
      if (1...2).contains(letters.count) {
        return isNumbers(word.dropFirst(kind.count + letters.count), mayBeEmpty: true)
      }
    }
    // `vmhba0:C0:T5:L0`: channel, target and unit of a disk of ESXi.
    if word.count <= 4, let first = word.first, "CTL".contains(first), word.count > 1 {
      return word.dropFirst().allSatisfy { ("0"..."9").contains($0) }
    }
    return kinds.contains { kind in
      word.hasPrefix(kind) && isNumbers(word.dropFirst(kind.count), mayBeEmpty: false)
    }
  }

  /// Digits, and the letters that part them in names of the kernel and of systemd.
  private static func isNumbers(_ text: Substring, mayBeEmpty: Bool) -> Bool {
    guard let first = text.first else { return mayBeEmpty }
    return ("0"..."9").contains(first) && text.count <= 12
      && text.allSatisfy { ("0"..."9").contains($0) || "npsfcud.".contains($0) }
  }

  private static let kinds = [
    "nvme", "loop", "dm-", "md", "zram", "sr", "nbd", "mmcblk", "ram", "rbd", "zd", "fd", "ttyS",
    "eth", "ens", "eno", "enp", "wlan", "wlp", "ib", "bond", "br", "virbr", "vmbr", "vnet", "tap",
    "macvtap", "veth", "tun", "ifb", "dummy", "docker", "vhost", "vhost-", "vcpu", "iothread",
    "virtio", "cpu",
    "domain", "node",
    // Those of ESXi. A disk's `naa.6006...` or `t10.ATA...` is of that one disk and goes.
    "vmnic", "vmk", "vmhba", "mpx.vmhba", "vSwitch", "scsi", "sata", "ide",
  ]

  /// Beginnings of names that people's tools give to interfaces, and that tell what an interface is.
  static let interfaceRoles = ["tap-", "tap", "macvtap", "vnet", "veth", "br-", "virbr-", "ovs-"]
}
