import Foundation
import TestSupport
import Testing

@testable import TraceIngest

/// Archives from anywhere: their files come out as they are, and nothing leaves the folder.
struct ArchiveTests {
  // MARK: tar

  /// `name` to 100 bytes, octal numbers, a checksum over all with blanks in its own place.
  private static func tar(
    _ name: String, _ content: String = "", type: Character = "0", link: String = "",
    prefix: String = "", stating size: Int? = nil
  ) -> [UInt8] {
    var block = [UInt8](repeating: 0, count: 512)
    func put(_ text: String, _ at: Int) {
      for (index, byte) in text.utf8.enumerated() { block[at + index] = byte }
    }
    let body = Array(content.utf8)
    put(name, 0)
    put("0000644\0", 100)
    put(octal(size ?? body.count, 11) + "\0", 124)
    put("        ", 148)
    put(String(type), 156)
    put(link, 157)
    put("ustar\u{0}00", 257)
    put(prefix, 345)
    put(octal(block.reduce(0) { $0 + Int($1) }, 6) + "\0 ", 148)
    let filling = (512 - body.count % 512) % 512
    return block + body + [UInt8](repeating: 0, count: filling)
  }

  private static func octal(_ number: Int, _ digits: Int) -> String {
    let text = String(number, radix: 8)
    return String(repeating: "0", count: max(0, digits - text.count)) + text
  }

  private static let end = [UInt8](repeating: 0, count: 1024)

  /// What an archive unpacks to: contents by path, and what was left out.
  private static func unpack(
    _ bytes: [UInt8], limits: Archive.Limits = Archive.Limits()
  ) throws -> (files: [String: String], leftOut: [Archive.LeftOut]) {
    let folder = try Repository.temporaryFolder()
    let (archive, inside) = (folder.appending(path: "a"), folder.appending(path: "below/inside"))
    try Data(bytes).write(to: archive)
    try FileManager.default.createDirectory(at: inside, withIntermediateDirectories: true)
    let leftOut = try Archive.unpack(archive.path, into: inside.path, limits: limits)
    var files: [String: String] = [:]
    for path in try FileManager.default.subpathsOfDirectory(atPath: folder.path) where path != "a" {
      let whole = folder.appending(path: path).path
      let type = try FileManager.default.attributesOfItem(atPath: whole)[.type]
      if type as? FileAttributeType == .typeDirectory { continue }
      // Nothing but regular files, and all of them below the folder.
      #expect(type as? FileAttributeType == .typeRegular, "\(path)")
      #expect(path.hasPrefix("below/inside/"), "\(path)")
      files[String(path.dropFirst("below/inside/".count))] = try String(
        contentsOfFile: whole, encoding: .utf8)
    }
    return (files, leftOut)
  }

  @Test("files of a tar come out, with long names of ustar, GNU and pax")
  func tarNames() throws {
    let long = String(repeating: "long/", count: 30) + "name"
    let pax = "path=\(long)-pax\n"
    // The length counts itself.
    let record = "\(pax.utf8.count + 4) \(pax)"
    let (files, leftOut) = try Self.unpack(
      Self.tar("./guest/", type: "5") + Self.tar("./guest/a.txt", "one")
        + Self.tar("b.txt", String(repeating: "x", count: 600), prefix: "host/deep")
        + Self.tar("pax_global_header", "19 comment=nothing\n", type: "g")
        + Self.tar("././@LongLink", long + "\0", type: "L") + Self.tar("cut", "two")
        + Self.tar("x", record, type: "x") + Self.tar("cut", "three") + Self.tar("empty")
        + Self.end,
      limits: {
        var limits = Archive.Limits(); limits.depth = 40; return limits
      }())
    #expect(leftOut == [])
    #expect(
      files == [
        "guest/a.txt": "one", "host/deep/b.txt": String(repeating: "x", count: 600), long: "two",
        long + "-pax": "three", "empty": "",
      ])
  }

  @Test("no path of a tar leaves the folder, whatever it is made of")
  func tarEscapes() throws {
    let (files, leftOut) = try Self.unpack(
      Self.tar("../out", "x") + Self.tar("a/../../out", "x") + Self.tar("/tmp/hiddenq-out", "x")
        + Self.tar("far", type: "2", link: "../..") + Self.tar("far/out", "x")
        + Self.tar("root", type: "2", link: "/") + Self.tar("root/tmp/hiddenq-out", "y")
        + Self.tar("secret", type: "1", link: "../../a")
        + Self.tar("shadow", type: "2", link: "/etc/shadow")
        + Self.tar("tty", type: "3") + Self.tar("disk", type: "4") + Self.tar("pipe", type: "6")
        + Self.tar("good", "fine") + Self.end)
    #expect(files == ["far/out": "x", "root/tmp/hiddenq-out": "y", "good": "fine"])
    #expect(!FileManager.default.fileExists(atPath: "/tmp/hiddenq-out"))
    #expect(
      Set(leftOut.map(\.path)) == [
        "../out", "a/../../out", "/tmp/hiddenq-out", "far", "root", "secret", "shadow", "tty",
        "disk",
        "pipe",
      ])
    #expect(leftOut.first { $0.path == "../out" }?.reason.contains("leads out") ?? false)
    #expect(leftOut.first { $0.path == "tty" }?.reason.contains("is a device") ?? false)
  }

  @Test("links to files of a tar become those files; a later entry of a name takes its place")
  func tarLinks() throws {
    let (files, leftOut) = try Self.unpack(
      Self.tar("a/one", type: "2", link: "../b/two") + Self.tar("a/again", type: "2", link: "one")
        + Self.tar("b/two", "old") + Self.tar("b/two", "new")
        + Self.tar("c", type: "1", link: "b/two")
        + Self.tar("loop", type: "2", link: "pool") + Self.tar("pool", type: "2", link: "loop")
        + Self.end)
    #expect(files == ["b/two": "new", "c": "new", "a/one": "new", "a/again": "new"])
    #expect(leftOut.map(\.path) == ["loop", "pool"])
  }

  @Test("a file cannot lie in a file, nor take the name of a folder")
  func tarClashes() throws {
    let (files, leftOut) = try Self.unpack(
      Self.tar("a", "file") + Self.tar("a/b", "in it") + Self.tar("c/d", "x") + Self.tar("c", "y")
        + Self.end)
    #expect(files == ["a": "file", "c/d": "x"])
    #expect(leftOut.map(\.path) == ["a/b", "c"])
  }

  @Test("a tar that is cut gives the files that are whole, and says where")
  func tarCut() throws {
    let whole = Self.tar("a", "one") + Self.tar("b", String(repeating: "y", count: 5_000))
    let (files, leftOut) = try Self.unpack(Array(whole.prefix(1_024 + 512 + 700)))
    #expect(files == ["a": "one"])
    #expect(leftOut.map(\.path) == ["b"])
    try #require(leftOut.count == 1)
    #expect(leftOut[0].reason.contains("ends too early"))
  }

  @Test("a tar whose headers are damaged is refused")
  func tarDamaged() throws {
    var bytes = Self.tar("a", "one") + Self.tar("b", "two") + Self.end
    bytes[1_024 + 3] ^= 1
    #expect(throws: ReadError.self) { try Self.unpack(bytes) }
    let huge = Self.tar("x", "", type: "x", stating: 1 << 30) + Self.end
    #expect(throws: ReadError.self) { try Self.unpack(huge) }
  }

  @Test("an archive may not hold more entries, bytes or folders than the limits")
  func limits() throws {
    var limits = Archive.Limits()
    limits.entries = 3
    let four = (1...4).flatMap { Self.tar("f\($0)", "x") } + Self.end
    #expect(throws: ReadError.self) { try Self.unpack(four, limits: limits) }
    limits.entries = 4
    #expect(try Self.unpack(four, limits: limits).files.count == 4)

    limits = Archive.Limits()
    (limits.slack, limits.ratio) = (1_000, 1)
    // A packed one, whose content is many times its size; also of entries that are not kept.
    for type in ["0", "Z"] as [Character] {
      let bomb = Self.tar("zeros", String(repeating: "0", count: 100_000), type: type) + Self.end
      #expect(throws: ReadError.self) {
        try Self.unpack(Packing.gzip.pack(bomb), limits: limits)
      }
    }
    limits = Archive.Limits()
    limits.depth = 3
    let deep = try Self.unpack(
      Self.tar("a/b/c/d", "x") + Self.tar("a/b/c", "y") + Self.end, limits: limits)
    #expect(deep.files == ["a/b/c": "y"])
    #expect(deep.leftOut.map(\.path) == ["a/b/c/d"])
  }

  // MARK: zip

  private struct Zipped {
    let name: String
    var content = "content"
    var deflates = false
    var flags = 0
    var system = 3
    var mode = 0o100644
    var size: Int?
    var breaksSum = false
  }

  private static func bytes(_ number: Int, _ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
  }

  private static func zip(_ entries: [Zipped], isLong: Bool = false) throws -> [UInt8] {
    var (file, directory): ([UInt8], [UInt8]) = ([], [])
    for entry in entries {
      let plain = Array(entry.content.utf8)
      let gzip = Packing.gzip.pack(plain)
      // A gzip file is a head of 10 bytes, deflated data, the sum and the size.
      let body = entry.deflates ? Array(gzip.dropFirst(10).dropLast(8)) : plain
      let sum = Array(gzip.suffix(8).prefix(4)).map { entry.breaksSum ? $0 ^ 1 : $0 }
      let name = Array(entry.name.utf8)
      let method = bytes(entry.deflates ? 8 : 0, 2)
      let sizes = bytes(body.count, 4) + bytes(entry.size ?? plain.count, 4)
      let at = file.count
      file +=
        [0x50, 0x4B, 3, 4] + bytes(20, 2) + bytes(entry.flags, 2) + method + bytes(0, 4) + sum
        + sizes
      file += bytes(name.count, 2) + bytes(4, 2) + name + [9, 9, 0, 0] + body
      directory +=
        [0x50, 0x4B, 1, 2, 20, UInt8(entry.system)] + bytes(20, 2) + bytes(entry.flags, 2)
      directory += method + bytes(0, 4) + sum
      let extra: [UInt8] =
        isLong
        ? bytes(1, 2) + bytes(24, 2) + bytes(plain.count, 8) + bytes(body.count, 8) + bytes(at, 8)
        : []
      directory += isLong ? [UInt8](repeating: 0xFF, count: 8) : sizes
      directory +=
        bytes(name.count, 2) + bytes(extra.count, 2) + bytes(0, 6) + bytes(entry.mode << 16, 4)
      directory += (isLong ? [0xFF, 0xFF, 0xFF, 0xFF] : bytes(at, 4)) + name + extra
    }
    let begin = file.count
    file += directory
    if isLong {
      let record = file.count
      file += [0x50, 0x4B, 6, 6] + bytes(44, 8) + bytes(45, 2) + bytes(45, 2) + bytes(0, 8)
      file +=
        bytes(entries.count, 8) + bytes(entries.count, 8) + bytes(directory.count, 8)
        + bytes(begin, 8)
      file += [0x50, 0x4B, 6, 7] + bytes(0, 4) + bytes(record, 8) + bytes(1, 4)
    }
    let short =
      isLong ? [UInt8](repeating: 0xFF, count: 8) : bytes(directory.count, 4) + bytes(begin, 4)
    return file + [0x50, 0x4B, 5, 6] + bytes(0, 4) + bytes(entries.count, 2)
      + bytes(entries.count, 2) + short
      + bytes(7, 2) + Array("comment".utf8)
  }

  @Test(
    "files of a zip come out, stored and deflated, with and without zip64",
    arguments: [false, true])
  func zipFiles(_ isLong: Bool) throws {
    let long = String(repeating: "0123456789", count: 40_000)
    let (files, leftOut) = try Self.unpack(
      Self.zip(
        [
          Zipped(name: "guest/", content: ""), Zipped(name: "guest/a.txt"),
          Zipped(name: "guest/b.txt", content: long, deflates: true),
          Zipped(name: "host\\c.txt", system: 0),
          Zipped(name: "empty", content: "", deflates: true),
          Zipped(name: "guest/link", content: "a.txt", mode: 0o120777),
        ], isLong: isLong))
    #expect(leftOut == [])
    #expect(
      files == [
        "guest/a.txt": "content", "guest/b.txt": long, "host/c.txt": "content", "empty": "",
        "guest/link": "content",
      ])
  }

  @Test("a zip without any slash parts folders by backslashes, whatever system it names")
  func zipBackslashes() throws {
    let (files, leftOut) = try Self.unpack(
      Self.zip([
        Zipped(name: "guest-web1\\a.txt"), Zipped(name: "host\\b.txt"), Zipped(name: "..\\out"),
        Zipped(name: "a\\..\\..\\out"), Zipped(name: "\\tmp\\hiddenq-out"),
      ]))
    #expect(files == ["guest-web1/a.txt": "content", "host/b.txt": "content"])
    #expect(leftOut.map(\.path) == ["../out", "a/../../out", "/tmp/hiddenq-out"])
    // A name of Unix may have one.
    let unix = try Self.unpack(
      Self.zip([Zipped(name: "etc/a"), Zipped(name: "dev-disk\\x2dby.swap")]))
    #expect(unix.files.keys.sorted() == ["dev-disk\\x2dby.swap", "etc/a"])
  }

  @Test("no path of a zip leaves the folder, and what is damaged or encrypted is left out by name")
  func zipHostile() throws {
    let (files, leftOut) = try Self.unpack(
      Self.zip([
        Zipped(name: "../out"), Zipped(name: "..\\out", system: 0),
        Zipped(name: "/tmp/hiddenq-out"),
        Zipped(name: "up", content: "../..", mode: 0o120777), Zipped(name: "locked", flags: 1),
        Zipped(name: "sum", breaksSum: true), Zipped(name: "more", deflates: true, size: 3),
        Zipped(name: "less", size: 70), Zipped(name: "good"),
      ]))
    #expect(files == ["good": "content"])
    #expect(
      leftOut.map(\.path) == [
        "../out", "../out", "/tmp/hiddenq-out", "up", "locked", "sum", "more", "less",
      ])
    try #require(leftOut.count == 8)
    #expect(leftOut[4].reason.contains("encrypted") && leftOut[5].reason.contains("damaged"))
  }

  @Test("a zip without its end, or with a directory that lies elsewhere, is refused")
  func zipDamaged() throws {
    let whole = try Self.zip([Zipped(name: "a"), Zipped(name: "b")])
    #expect(throws: ReadError.self) { try Self.unpack(Array(whole.dropLast(40))) }
    var far = whole
    far[whole.count - 7 - 6] = 0xFF
    far[whole.count - 7 - 4] = 0x7F
    #expect(throws: ReadError.self) { try Self.unpack(far) }
    var limits = Archive.Limits()
    (limits.slack, limits.ratio) = (1_000, 1)
    let bomb = try Self.zip([
      Zipped(name: "zeros", content: String(repeating: "0", count: 100_000), deflates: true)
    ])
    #expect(throws: ReadError.self) { try Self.unpack(bomb, limits: limits) }
  }

  @Test("every cut and every changed byte of an archive ends without a trap, and inside the folder")
  func mutations() throws {
    let tar =
      Self.tar("a/b", "one") + Self.tar("x", "17 path=long/name\n", type: "x")
      + Self.tar("c", "two")
    let zip = try Self.zip([Zipped(name: "a/b"), Zipped(name: "c", deflates: true)])
    for bytes in [tar, zip] {
      for at in stride(from: 0, to: bytes.count, by: 7) {
        _ = try? Self.unpack(Array(bytes.prefix(at)))
        var changed = bytes
        changed[at] ^= UInt8(truncatingIfNeeded: 1 << (at % 8))
        _ = try? Self.unpack(changed)
      }
    }
  }

  @Test("names of archives, and contents that are none")
  func recognized() throws {
    for (name, stem) in [
      ("case.tar", "case"), ("a.b.tar.gz", "a.b"), ("X.TGZ", "X"), ("q.tar.zst", "q"),
      ("z.zip", "z"),
      ("p.tar.xz", "p"), ("p.tar.bz2", "p"), ("vmstat.txt.gz", nil), (".tar", nil), ("tar", nil),
    ] {
      #expect(Archive.stem(ofName: name) == stem, "\(name)")
    }
    let folder = try Repository.temporaryFolder()
    for (name, bytes, isOne) in [
      ("a", Self.tar("x", "y") + Self.end, true), ("b", try Self.zip([Zipped(name: "x")]), true),
      ("c", Packing.gzip.pack(Self.tar("x", "y") + Self.end), true),
      ("d", Array(String(repeating: "8,0 1 1 0.0 1 Q W 0 + 8 [x]\n", count: 40).utf8), false),
      ("e", [], false), ("f", [UInt8](repeating: 0, count: 1024), false),
    ] {
      let file = folder.appending(path: name)
      try Data(bytes).write(to: file)
      #expect(Archive.isArchive(file.path) == isOne, "\(name)")
    }
  }
}
