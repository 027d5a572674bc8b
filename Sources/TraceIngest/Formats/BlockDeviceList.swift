internal import TraceModel

/// `lsblk` as a tree, as pairs (`-P`) and as JSON (`-J`), `losetup -l`, and `start` files of sysfs:
///
///     NAME      MAJ:MIN         SIZE TYPE   START
///     loop6       7:6     3221225472 loop
///     ├─loop6p1 259:0     1610612736 part    2048
struct BlockDeviceList: FactFormat {
  let name = "lsblk"
  let producedBy = "lsblk -J -b -o NAME,MAJ:MIN,PKNAME,SIZE,TYPE,MOUNTPOINT,START"
  let clock = "none"
  let goodFor = "which partition and volume lies on which disk, and where"

  func lines() -> any FactLines { BlockDeviceLines() }

  func begins(_ head: Span<UInt8>) -> Bool {
    if beginsAsJSON(head) { return head.find("\"blockdevices\"", from: 0, head.count) != nil }
    // Its own complaints and a command line may stand before it, nothing else.
    var isOurs = true
    let lines = BlockDeviceLines()
    return anyLine(of: head, atMost: 12) { start, end in
      if lines.opens(head, start, end) { return true }
      let isBefore =
        head.has("lsblk: ", at: start, end) || head.has("#", at: start, end)
        || head.has("$ ", at: start, end)
      if !isBefore { isOurs = false }
      return false
    } && isOurs
  }

  static func isHeader(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
    bytes.has("NAME ", at: start, end)
      && (bytes.find(" MAJ:MIN", from: start, end) != nil
        || bytes.find(" BACK-FILE", from: start, end) != nil)
  }

  func reader(into sink: any EventSink) -> FormatReader {
    // The first byte decides; a reader of lines cannot know it beforehand.
    .bytes(BlockDeviceReader(sink: sink, format: name))
  }
}

/// Reads the list as a whole: JSON or lines.
private final class BlockDeviceReader: WholeFileReader {
  private let sink: any EventSink
  private let format: String
  private var json: FactJSONReader?
  private var lines: CounterReader?
  private var tally = ProblemTally()
  private var number: Int64 = 0
  private var skipped: Int64 = 0

  init(sink: any EventSink, format: String) {
    self.sink = sink
    self.format = format
  }

  func read(whole bytes: Span<UInt8>, _ range: Range<Int>) throws {
    var at = range.lowerBound
    if beginsAsJSON(bytes, range) {
      let reader = FactJSONReader(sink: sink, format: format) { values in
        var batch = TopologyBatch()
        for value in values { Self.devices(value.json["blockdevices"], nil, &batch) }
        return batch
      }
      json = reader
      try reader.read(whole: bytes, range)
      return
    }
    let reader = CounterReader(sink: sink, format: format)
    lines = reader
    while at < range.upperBound {
      var end = at
      while end < range.upperBound, bytes[end] != 10 { end += 1 }
      var last = end
      while last > at, bytes[last - 1] == 13 || bytes[last - 1] == 0 { last -= 1 }
      number += 1
      do {
        try reader.read(bytes, at..<last, number: number)
      } catch let error as ParseError {
        skipped += 1
        tally.add(
          error.kind, line: number, column: error.column, bytes: bytes, from: at, to: last)
      }
      at = end + 1
    }
  }

  func finish() throws -> SourceSummary {
    if let json { return try json.finish() }
    var summary = try lines?.finish() ?? SourceSummary()
    summary.lines = number
    summary.skippedLines += skipped
    summary.problems.insert(contentsOf: tally.all, at: 0)
    return summary
  }

  /// A device and those on it: `"children": [...]`.
  private static func devices(
    _ value: JSONValue?, _ parent: String?, _ batch: inout TopologyBatch
  ) {
    guard case .array(let elements)? = value else { return }
    for element in elements {
      guard let name = element["name"]?.string else { continue }
      var disk = DiskFact(name: name, line: element.line ?? 1)
      disk.number = element["maj:min"]?.string.map(BlockDeviceLines.number)
      disk.parent = element["pkname"]?.string ?? parent
      disk.start = element["start"]?.integer
      disk.bytes = element["size"]?.integer
      disk.type = element["type"]?.string
      batch.disks.append(disk)
      devices(element["children"], name, &batch)
    }
  }
}

private final class BlockDeviceLines: FactLines {
  /// Names of the columns and where they stand, in characters.
  private var columns: [(name: String, range: Range<Int>)] = []
  /// The devices above, by depth.
  private var above: [String] = []

  func opens(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
    BlockDeviceList.isHeader(bytes, start, end)
      || bytes.find("MAJ:MIN=\"", from: start, end) != nil
        && bytes.find("NAME=\"", from: start, end) != nil
  }

  /// `8:0` with blanks, as `8,0`.
  static func number(_ text: String) -> String {
    String(text.filter { $0 != " " }.map { $0 == ":" ? "," : $0 })
  }

  func take(_ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ log: inout FactLog) -> Bool {
    if bytes.has("lsblk: ", at: start, end) {
      log.notices.add(.toolNotice, line: log.line, column: nil, bytes: bytes, from: start, to: end)
      return true
    }
    if bytes.find("NAME=\"", from: start, end) != nil { return pairs(bytes, start, end, &log) }
    if BlockDeviceList.isHeader(bytes, start, end) {
      columns = Self.cells(bytes, start, end).map { ($0.text, $0.range) }
      above = []
      return true
    }
    if bytes.has("/sys/", at: start, end) { return sysfs(bytes, start, end, &log) }
    guard !columns.isEmpty else { return false }
    return row(bytes, start, end, &log)
  }

  /// A row; cells may be empty, so each belongs to the column that it stands below.
  private func row(
    _ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ log: inout FactLog
  ) -> Bool {
    var cells = Self.cells(bytes, start, end)
    guard !cells.isEmpty else { return false }
    // Names are long: the first cell without the tree is the name wherever it stands.
    var depth = 0
    while let first = cells.first, Self.tree(first.text).isEmpty { cells.removeFirst() }
    guard let first = cells.first else { return false }
    let name = Self.tree(first.text)
    depth = min(64, (first.range.upperBound - name.count) / 2)
    guard name.count < first.range.upperBound + 1 else { return false }
    var disk = DiskFact(name: name, line: log.line)
    var isKnown = false
    // Old versions cut long names short of their width: then the cells stand out of their columns, and
    // only their order is left.
    let place = columns.firstIndex { $0.name == "MAJ:MIN" }
    let isShifted = place.map { place in
      !cells.contains { $0.text.contains(":") && $0.range.overlaps(columns[place].range) }
    }
    for (index, cell) in cells.enumerated().dropFirst() {
      let below =
        isShifted == true
        ? (index < columns.count ? columns[index].name : nil)
        : columns.first { $0.range.overlaps(cell.range) }?.name
      guard let column = below else { continue }
      switch column {
      case "MAJ:MIN":
        guard cell.text.contains(":") else { continue }
        disk.number = Self.number(cell.text)
        isKnown = true
      case "PKNAME": disk.parent = cell.text
      case "SIZE": disk.bytes = Int64(cell.text)
      case "TYPE": disk.type = cell.text
      case "START": disk.start = Int64(cell.text)
      case "BACK-FILE":
        disk.file = cell.text
        disk.type = "loop"
        isKnown = true
      case "OFFSET": disk.start = Int64(cell.text).map { $0 / 512 }
      default: break
      }
    }
    guard isKnown else { return false }
    while above.count > depth { above.removeLast() }
    if disk.parent == nil, let last = above.last, depth > 0 { disk.parent = last }
    while above.count < depth { above.append(above.last ?? "") }
    above.append(name)
    log.batch.disks.append(disk)
    return true
  }

  /// `NAME="sda1" MAJ:MIN="8:1" PKNAME="sda" ...`
  private func pairs(
    _ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ log: inout FactLog
  ) -> Bool {
    func value(_ key: StaticString) -> String? {
      var from = start
      while let found = bytes.find(key, from: from, end) {
        // `KNAME=` ends like `NAME=`.
        if found == start || bytes[found - 1] == 0x20 {
          let begin = found + key.utf8CodeUnitCount
          guard let close = bytes.find("\"", from: begin, end) else { return nil }
          return close > begin ? bytes.text(from: begin, to: close) : nil
        }
        from = found + 1
      }
      return nil
    }
    guard let name = value("NAME=\"") else { return false }
    var disk = DiskFact(name: name, line: log.line)
    disk.number = (value("MAJ:MIN=\"") ?? value("MAJ_MIN=\"")).map(Self.number)
    disk.parent = value("PKNAME=\"")
    disk.start = value("START=\"").flatMap { Int64($0) }
    disk.bytes = value("SIZE=\"").flatMap { Int64($0) }
    disk.type = value("TYPE=\"")
    log.batch.disks.append(disk)
    return true
  }

  /// `/sys/block/loop6/loop6p1/start: 2048`
  private func sysfs(
    _ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ log: inout FactLog
  ) -> Bool {
    guard let found = bytes.find("/start", from: start, end) else { return false }
    var at = found + 6
    if at < end, bytes[at] == UInt8(ascii: ":") { at += 1 }
    bytes.skipBlanks(&at, end)
    guard let sector = bytes.wholeNumber(at..<end) else { return false }
    let parts = bytes.text(from: start, to: found).split(separator: "/")
    guard let name = parts.last else { return false }
    var disk = DiskFact(name: String(name), line: log.line)
    disk.start = sector
    disk.parent = parts.count > 3 ? String(parts[parts.count - 2]) : nil
    log.batch.disks.append(disk)
    return true
  }

  /// Words and where they stand, counted in characters: the tree's lines are three bytes each.
  private static func cells(
    _ bytes: Span<UInt8>, _ start: Int, _ end: Int
  ) -> [(text: String, range: Range<Int>)] {
    var cells: [(text: String, range: Range<Int>)] = []
    var character = 0
    var from = start
    var first = 0
    var isInside = false
    for index in start..<end {
      // Bytes within a character of UTF-8 have no place of their own.
      let isContinued = bytes[index] & 0xC0 == 0x80
      if bytes[index] == 0x20 {
        if isInside { cells.append((bytes.text(from: from, to: index), first..<character)) }
        isInside = false
      } else if !isInside {
        isInside = true
        from = index
        first = character
      }
      if !isContinued { character += 1 }
    }
    if isInside { cells.append((bytes.text(from: from, to: end), first..<character)) }
    return cells
  }

  /// A name without the lines of the tree: `├─loop6p1`, `|-vda1`, `` `-vda2 ``.
  private static func tree(_ text: String) -> String {
    String(text.drop { "├└│─|`".contains($0) || $0 == "-" })
  }
}
