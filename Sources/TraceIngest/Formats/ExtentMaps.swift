internal import TraceModel

/// `qemu-img map --output=json`: where the bytes of a guest's disk lie in its image file.
///
///     [{ "start": 0, "length": 65536, "depth": 0, "present": true, "zero": false, "data": true,
///        "offset": 393216}, ...]
struct QemuImgMap: TraceFormat {
  let name = "qemu-img-map"
  let producedBy = "qemu-img map --output=json disk.qcow2"
  let clock = "none"
  let goodFor = "the way from a guest's sector to a byte of its image"

  func recognizes(_ head: Span<UInt8>) -> Recognition {
    guard beginsAsJSON(head), head.find("\"depth\"", from: 0, head.count) != nil,
      head.find("\"start\"", from: 0, head.count) != nil
    else { return .no }
    return .yes
  }

  func reader(into sink: any EventSink) -> FormatReader {
    .bytes(
      FactJSONReader(sink: sink, format: name) { values in
        var batch = TopologyBatch()
        for value in values {
          guard case .array(let extents) = value.json else { continue }
          for extent in extents { Self.add(extent, &batch) }
        }
        return batch
      })
  }

  private static func add(_ extent: JSONValue, _ batch: inout TopologyBatch) {
    guard let start = extent["start"]?.integer, let length = extent["length"]?.integer else {
      return
    }
    func isTrue(_ key: String) -> Bool {
      if case .bool(true)? = extent[key] { return true }
      return false
    }
    var detail = "depth=\(extent["depth"]?.integer ?? 0)"
    for key in ["present", "zero", "data", "compressed"] where isTrue(key) { detail += " " + key }
    var fact = ExtentFact(
      tool: "qemu-img map", object: nil, start: start, bytes: length, detail: detail,
      line: extent.line ?? 1)
    fact.targetStart = extent["offset"]?.integer
    fact.target = extent["filename"]?.string
    batch.extents.append(fact)
  }
}

/// `filefrag -v`: where the blocks of a file lie on the device of its file system.
///
///     File size of disk.qcow2 is 270139392 (65952 blocks of 4096 bytes)
///      ext:     logical_offset:        physical_offset: length:   expected: flags:
///        0:        0..      48:     151552..    151600:     49:             last,eof
struct FilefragMap: FactFormat {
  let name = "filefrag"
  let producedBy = "filefrag -v disk.img"
  let clock = "none"
  let goodFor = "the way from a byte of an image file to a sector of the host's device"

  func begins(_ head: Span<UInt8>) -> Bool {
    let lines = FilefragLines()
    return anyLine(of: head, atMost: 12) { start, end in lines.opens(head, start, end) }
  }

  func lines() -> any FactLines { FilefragLines() }
}

private final class FilefragLines: FactLines {
  private var file: String?
  private var blockSize: Int64 = 0

  func opens(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
    bytes.has("Filesystem type is: ", at: start, end)
      || bytes.has("File size of ", at: start, end)
        && bytes.find(" blocks of ", from: start, end) != nil
  }

  func take(_ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ log: inout FactLog) -> Bool {
    if bytes.has("Filesystem type is: ", at: start, end) { return true }
    if bytes.has("File size of ", at: start, end) { return title(bytes, start + 13, end) }
    if bytes.has(" ext:", at: start, end) { return true }
    if bytes.find(" extent", from: start, end) != nil, bytes.has("found", at: end - 5, end) {
      return true
    }
    guard blockSize > 0 else { return false }
    var at = start
    func number(_ separator: StaticString) -> Int64? {
      bytes.skipBlanks(&at, end)
      guard let value = bytes.decimal(&at, end), bytes.has(separator, at: at, end) else {
        return nil
      }
      at += separator.utf8CodeUnitCount
      return value
    }
    guard number(":") != nil, let logical = number(".."), number(":") != nil,
      let physical = number(".."), number(":") != nil, let length = number(":"),
      length < Int64.max / blockSize, logical < Int64.max / blockSize,
      physical < Int64.max / blockSize
    else { return false }
    // `expected:` may be empty, and so may the flags.
    bytes.skipBlanks(&at, end)
    var flags = at
    if bytes.decimal(&flags, end) != nil, bytes.has(":", at: flags, end) { at = flags + 1 }
    bytes.skipBlanks(&at, end)
    let detail = bytes.text(from: at, to: end)
    var fact = ExtentFact(
      tool: "filefrag", object: file, start: logical * blockSize, bytes: length * blockSize,
      detail: detail, line: log.line)
    // These have no place of their own on the device yet.
    let isNowhere = ["delalloc", "inline", "unknown_loc"].contains { flag in
      detail.split(separator: ",").contains { $0 == flag }
    }
    if !isNowhere { fact.targetStart = physical * blockSize }
    log.batch.extents.append(fact)
    return true
  }

  /// `lab/disk.qcow2 is 270139392 (65952 blocks of 4096 bytes)`: the name may hold ` is `.
  private func title(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
    guard let blocks = bytes.find(" of ", from: start, end) else { return false }
    var last = blocks
    var from = blocks
    while let next = bytes.find(" of ", from: from, end) {
      last = next
      from = next + 4
    }
    var at = last + 4
    guard let size = bytes.decimal(&at, end), size > 0, size <= 1 << 30 else { return false }
    var name = last
    while name > start, !bytes.has(" is ", at: name, end) { name -= 1 }
    guard name > start else { return false }
    file = bytes.text(from: start, to: name)
    blockSize = size
    return true
  }
}

/// `dmsetup table`: what mapped devices are made of, in sectors of 512 bytes.
///
///     rootvg-lv--data: 0 41943040 linear 8:2 2048
struct DmsetupTable: FactFormat {
  let name = "dmsetup"
  let producedBy = "dmsetup table"
  let clock = "none"
  let goodFor = "the way from a logical volume to the disks below it"

  func begins(_ head: Span<UInt8>) -> Bool {
    let lines = DmsetupLines()
    return anyLine(of: head, atMost: 5) { start, end in lines.opens(head, start, end) }
  }

  func lines() -> any FactLines { DmsetupLines() }
}

private final class DmsetupLines: FactLines {
  func opens(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
    var log = FactLog()
    return take(bytes, start, end, &log)
  }

  private static let targets: [StaticString] = [
    "linear", "striped", "crypt", "thin", "thin-pool", "cache", "snapshot", "snapshot-origin",
    "snapshot-merge", "mirror", "raid", "multipath", "zero", "error", "delay", "flakey",
    "verity", "integrity", "writecache", "era", "vdo", "switch", "clone", "dust", "ebs",
    "log-writes", "zoned",
  ]

  func take(_ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ log: inout FactLog) -> Bool {
    log.fields.cut(bytes, start, end)
    let fields = log.fields
    guard fields.count >= 3 else { return false }
    // Without a name when one device was asked for: `0 41943040 linear 8:2 2048`.
    let hasName = !bytes.isNumber(fields[0])
    let first = hasName ? 1 : 0
    guard fields.count >= first + 3, let begin = bytes.wholeNumber(fields[first]),
      let length = bytes.wholeNumber(fields[first + 1]), begin < 1 << 53, length < 1 << 53,
      Self.targets.contains(where: { bytes.equals($0, fields[first + 2]) })
    else { return false }
    var name: String?
    if hasName {
      guard bytes[fields[0].upperBound - 1] == UInt8(ascii: ":") else { return false }
      name = bytes.text(from: fields[0].lowerBound, to: fields[0].upperBound - 1)
    }
    var fact = ExtentFact(
      tool: "dmsetup table", object: name, start: begin * 512, bytes: length * 512,
      detail: bytes.text(from: fields[first + 2].lowerBound, to: end), line: log.line)
    // Targets that are one piece of one device.
    if bytes.equals("linear", fields[first + 2]), fields.count == first + 5 {
      place(bytes, fields[first + 3], fields[first + 4], &fact)
    } else if bytes.equals("crypt", fields[first + 2]), fields.count >= first + 8 {
      // crypt <cipher> <key> <iv offset> <device> <offset>
      place(bytes, fields[first + 6], fields[first + 7], &fact)
    }
    log.batch.extents.append(fact)
    return true
  }

  /// `8:2 2048`: the device and the sector on it.
  private func place(
    _ bytes: Span<UInt8>, _ device: Range<Int>, _ sector: Range<Int>, _ fact: inout ExtentFact
  ) {
    guard let offset = bytes.wholeNumber(sector), offset < 1 << 53 else { return }
    let text = bytes.text(from: device.lowerBound, to: device.upperBound)
    // `8:2` as `8,2`, the form all tables use; paths stay as they are.
    fact.target = text.contains("/") ? text : String(text.map { $0 == ":" ? "," : $0 })
    fact.targetStart = offset * 512
  }
}
