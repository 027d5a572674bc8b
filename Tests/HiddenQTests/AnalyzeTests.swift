import Foundation
import TestSupport
import Testing

/// `analyze`: what it takes, how it says why it cannot, and to what it refuses to add.
struct AnalyzeTests {
  private static let pair = HandMadePair(ios: (0..<60).map { .init(queued: 2_500 * $0) })

  /// Runs a program of the system in a folder.
  private static func system(_ words: [String], in folder: URL) throws {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = words
    process.currentDirectoryURL = folder
    try process.run()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0, "\(words)")
  }

  /// `guest web1, host kvm7` of an output folder.
  private static func machines(_ folder: URL, _ output: String = "out") throws -> String {
    let incident = folder.appending(path: output + "/incident.db").path
    return try Program.value(
      incident,
      """
      SELECT group_concat(name, '; ') FROM (
        SELECT DISTINCT layer || ' ' || machine AS name FROM source ORDER BY layer, machine)
      """
    ).replacing("\"", with: "")
  }

  // MARK: Mistakes

  struct Mistake: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let files: [String: String]
    var words = ["analyze", "case"]
    let says: [String]
  }

  private static let iostat =
    "Linux 6.1.0 (web1) 11/22/26 _x86_64_ (2 CPU)\n\navg-cpu:  %user   %nice %system\n"
  private static let some = ["case/guest/t.txt": pair.guest]

  static let mistakes: [Mistake] = [
    Mistake(
      testDescription: "folders of other names",
      files: ["case/vm/t.txt": pair.guest, "case/hypervisor/t.txt": pair.host],
      says: [
        "no usable file in case: no folder begins with guest or host (found: hypervisor/, vm/)",
        "hiddenq analyze --guest DIR --host DIR",
      ]),
    Mistake(
      testDescription: "traces without folders", files: ["case/a.txt": pair.guest],
      says: ["no folder begins with guest or host (found: a.txt)", "guest-NAME/ and host-NAME/"]),
    Mistake(
      testDescription: "an empty directory", files: ["other/x": ""], words: ["analyze", "."],
      says: ["no usable file in ."]),
    Mistake(
      testDescription: "no file at all", files: ["case/.keep/../x": "", "none/y": ""],
      words: ["analyze", "bare"],
      says: ["bare: No such file or directory"]),
    Mistake(
      testDescription: "only tools that cannot be read",
      files: ["case/guest/iostat.txt": iostat, "case/guest/empty.txt": ""],
      says: [
        "guest/iostat.txt: this is iostat", "guest/empty.txt: is empty",
        "no usable file in case; the reasons are above",
      ]),
    Mistake(
      testDescription: "only files of no format",
      files: ["case/guest/a": "words\n", "case/host/b": "other words\n"],
      says: [
        "no usable file in case: all 2 files have an unknown format ('hiddenq formats' lists the known ones)",
        "hiddenq capture guest",
      ]),
    Mistake(
      testDescription: "a file in the place of a directory", files: ["t.txt": pair.guest],
      words: ["analyze", "t.txt"],
      says: [
        "t.txt: is a file, expected a directory or an archive (tar, zip)",
        "--guest FILE --host FILE",
      ]),
    Mistake(
      testDescription: "a machine's directory that is not there", files: some,
      words: ["analyze", "--guest", "case/guest", "--host", "nowhere"],
      says: ["nowhere: No such file or directory"]),
    Mistake(
      testDescription: "both ways of naming", files: some,
      words: ["analyze", "case", "--host", "case/guest"], says: ["not both"]),
    Mistake(
      testDescription: "nothing named", files: some, words: ["analyze"],
      says: ["missing DIR: usage: hiddenq analyze (DIR... | ARCHIVE | --guest DIR --host DIR)"]),
    Mistake(
      testDescription: "two machines of one name",
      files: ["a/logs/t.txt": pair.guest, "b/logs/t.txt": pair.host],
      words: ["analyze", "--guest", "a/logs", "--host", "b/logs"],
      says: ["would be the machine 'logs'"]),
  ]

  @Test("a mistake is told with what was expected and what helps", arguments: mistakes)
  func mistake(_ mistake: Mistake) throws {
    let folder = try Repository.folder(of: mistake.files)
    let before = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
    let outcome = try Program.run(mistake.words, in: folder)
    #expect(outcome.status == 2)
    let said = outcome.errors.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    for words in mistake.says { #expect(said.contains(words), "\(outcome.errors)") }
    #expect(outcome.output == "")
    // Nothing is left of it.
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == before)
  }

  @Test("an empty directory is said to be one")
  func empty() throws {
    let folder = try Repository.folder(of: [:])
    try FileManager.default.createDirectory(
      at: folder.appending(path: "case/guest"), withIntermediateDirectories: true)
    let outcome = try Program.run("analyze", "case", in: folder)
    #expect(outcome.status == 2)
    #expect(
      outcome.errors.contains("case: is a directory without files; expected guest*/ and host*/"))
  }

  // MARK: What it takes

  @Test(
    "folders and files by their names, in any case, before and behind",
    arguments: [
      (["web1-guest/t.txt", "kvm7_host/t.txt"], "guest web1; host kvm7"),
      (["Guest/t.txt", "HOST-1/t.txt"], "guest Guest; host 1"),
      (["guest-blkparse.txt", "host-blkparse.txt"], "guest guest; host host"),
      (["guest-web1-blkparse.txt", "blkparse_host.txt"], "guest web1; host host"),
      (["web1-guest.txt", "host.txt"], "guest web1; host host"),
      (["guests/web1/t.txt", "hosts/kvm7/t.txt"], "guest web1; host kvm7"),
      (["guest/web1/t.txt", "guest/web2/t.txt"], "guest web1; guest web2"),
      (["guest/web1/blkparse/t.txt", "guest/ip-10-0-0-2/t.txt"], "guest ip-10-0-0-2; guest web1"),
      (["guest/web1/t.txt", "host/kvm7/t.txt"], "guest guest; host host"),
      (["guest/web1/t.txt", "guest/perf/t.txt"], "guest guest"),
      (["guest/cpu0/t.txt", "guest/cpu1/t.txt"], "guest guest"),
      (["guest/vdb/t.txt", "guest/proc/t.txt"], "guest guest"),
      (["guest/t.txt", "guest/web2/t.txt"], "guest guest"),
      (["guests/t.txt", "Hosts/host-b/blktrace/t.txt"], "guest guests; host b"),
      (["run/guest-a/deep/t.txt", "run/host-b/sos_commands/host/t.txt"], "guest a; host b"),
    ])
  func names(_ paths: [String], _ machines: String) throws {
    let folder = try Repository.folder(of: [
      "case/" + paths[0]: Self.pair.guest, "case/" + paths[1]: Self.pair.host,
    ])
    let outcome = try Program.run("analyze", "case", "-o", "out", in: folder)
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(try Self.machines(folder) == machines)
    #expect(outcome.output.hasSuffix("written: out/incident.db, out/report.html, out/report.md\n"))
  }

  @Test("a machine's own folder, several directories, and machines named on the command line")
  func roots() throws {
    let folder = try Repository.folder(of: [
      "x/guest-web1/t.txt": Self.pair.guest, "y/host-kvm7/t.txt": Self.pair.host,
      "web2/t.txt": Self.pair.guest, "rack9/t.txt": Self.pair.host,
    ])
    for (words, machines) in [
      (["x/guest-web1"], "guest web1"), (["x/guest-web1", "y/host-kvm7"], "guest web1; host kvm7"),
      (["x", "y"], "guest web1; host kvm7"),
      (["--guest", "web2", "--host", "rack9"], "guest web2; host rack9"),
      (["--guest", "x/guest-web1", "--host", "rack9/t.txt"], "guest web1; host host"),
    ] {
      let output = "out" + words.joined().replacing("/", with: "")
      let outcome = try Program.run(["analyze"] + words + ["-o", output], in: folder)
      #expect(outcome.status == 0, "\(words): \(outcome.errors)")
      #expect(try Self.machines(folder, output) == machines, "\(words)")
    }
    // Without -o the first one gives its name; from inside, `.` has the folder's.
    #expect(try Program.run("analyze", "x", "y", in: folder).status == 0)
    #expect(FileManager.default.fileExists(atPath: folder.path + "/hiddenq-x/report.html"))
    let inside = folder.appending(path: "x")
    #expect(try Program.run("analyze", ".", in: inside).status == 0)
    #expect(FileManager.default.fileExists(atPath: inside.path + "/hiddenq-x/report.html"))
    // Its own results are no files of the capture.
    let again = try Program.run("analyze", ".", in: inside)
    #expect(again.status == 0 && !again.output.contains("Not used"), "\(again.output)")
  }

  @Test("lines of the report that name what was written are 80 columns wide at most")
  func written() throws {
    let folder = try Repository.folder(of: ["case/guest/t.txt": Self.pair.guest])
    let output = "a-name-that-is-quite-long-but-fits-into-a-line"
    let outcome = try Program.run("analyze", "case", "-o", output, in: folder)
    #expect(
      outcome.output.hasSuffix(
        "written:\n  \(output)/incident.db\n  \(output)/report.html\n  \(output)/report.md\n"))
    for line in outcome.output.split(separator: "\n") { #expect(line.count <= 80, "\(line)") }
  }

  // MARK: Archives

  @Test(
    "archives are read as the directories that they hold",
    arguments: ["tar", "tar.gz", "tgz", "tar.xz", "tar.bz2", "zip"])
  func archives(_ ending: String) throws {
    let folder = try Repository.folder(of: [
      "case/guest-web1/t.txt": Self.pair.guest, "case/host-kvm7/t.txt": Self.pair.host,
      "case/incident.yaml": "devices:\n  web1: {vda: \"253,0\"}\n",
    ])
    if ending == "zip" {
      try Self.system(["python3", "-m", "zipfile", "-c", "c.zip", "case"], in: folder)
    } else {
      try Self.system(["tar", "-caf", "c.\(ending)", "case"], in: folder)
    }
    let outcome = try Program.run("analyze", "c.\(ending)", in: folder)
    #expect(outcome.status == 0, "\(outcome.errors)")
    let output = folder.appending(path: "hiddenq-c")
    #expect(try Self.machines(folder, "hiddenq-c") == "guest web1; host kvm7")
    let incident = output.path + "/incident.db"
    #expect(
      try Program.value(incident, "SELECT group_concat(path) FROM source WHERE layer = 'guest'")
        == "c.\(ending)/case/guest-web1/t.txt")
    #expect(try Program.value(incident, "SELECT name FROM device_name") == "vda")
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: output.path).sorted() == [
        "incident.db", "report.html", "report.md",
      ])
    let before = try Data(contentsOf: URL(filePath: incident))
    #expect(
      try Program.run("analyze", "c.\(ending)", in: folder).words.contains("nothing has changed"))
    #expect(try Data(contentsOf: URL(filePath: incident)) == before)
  }

  @Test("the two archives of a guest and its host, given both or in one directory")
  func twoArchives() throws {
    let folder = try Repository.folder(of: [
      "guest-web1/t.txt": Self.pair.guest, "host-kvm7/t.txt": Self.pair.host,
    ])
    try FileManager.default.createDirectory(
      at: folder.appending(path: "both"), withIntermediateDirectories: true)
    let archives = ["guest-web1-20261129.tar.gz", "host-kvm7-20261129.tar.gz"]
    for (archive, name) in zip(archives, ["guest-web1", "host-kvm7"]) {
      try Self.system(["tar", "-czf", "both/" + archive, name], in: folder)
    }
    for words in [
      archives.map { "both/" + $0 }, ["both"],
      ["--guest", "both/" + archives[0], "--host", "both/" + archives[1]],
    ] {
      let output = "out\(words.count)"
      let outcome = try Program.run(["analyze"] + words + ["-o", output], in: folder)
      #expect(outcome.status == 0, "\(outcome.errors)")
      let machines =
        words.count == 4 ? "guest web1-20261129; host kvm7-20261129" : "guest web1; host kvm7"
      #expect(try Self.machines(folder, output) == machines)
    }
    // ingest takes folders and files.
    let outcome = try Program.run("ingest", "i.db", "both", in: folder)
    #expect(outcome.status == 2)
    #expect(outcome.words.contains("is an archive; 'hiddenq analyze' unpacks it"))
  }

  @Test("a hostile archive: nothing is written outside, and the rest is used")
  func hostileArchive() throws {
    let folder = try Repository.folder(of: [
      "guest/t.txt": Self.pair.guest,
      "make.py": """
      import io, sys, tarfile
      with tarfile.open("bad.tar", "w") as archive:
          def add(name, type=tarfile.REGTYPE, link="", data=b"escaped"):
              entry = tarfile.TarInfo(name)
              entry.type, entry.linkname, entry.size = type, link, len(data) if type == tarfile.REGTYPE else 0
              archive.addfile(entry, io.BytesIO(data))
          if len(sys.argv) > 1:
              archive.add("guest")
          add("../../escaped"); add("/tmp/hiddenq-escaped"); add("guest/up", tarfile.SYMTYPE, "../../..")
          add("guest/up/escaped"); add("guest/tty", tarfile.CHRTYPE)
      """,
    ])
    try Self.system(["python3", "make.py"], in: folder)
    let bad = try Program.run("analyze", "bad.tar", "-o", "deep/er/out", in: folder)
    #expect(bad.status == 2)
    #expect(bad.errors.contains("../../escaped"))
    #expect(
      bad.errors.split(whereSeparator: \.isWhitespace).joined(separator: " ").contains(
        "leads out of the archive's folder; it was not unpacked"))
    try Self.system(["python3", "make.py", "with the guest"], in: folder)
    let good = try Program.run("analyze", "bad.tar", "-o", "deep/er/out", in: folder)
    #expect(good.status == 0, "\(good.errors)")
    #expect(good.words.contains("guest/tty: is a device; it was not made"))
    #expect(try Self.machines(folder, "deep/er/out") == "guest guest")
    #expect(!FileManager.default.fileExists(atPath: "/tmp/hiddenq-escaped"))
    let paths = try FileManager.default.subpathsOfDirectory(atPath: folder.path)
    #expect(!paths.contains { $0.hasSuffix("escaped") })
  }

  // MARK: Another capture

  @Test("an incident file of another capture is refused unless told, one of the same is extended")
  func otherCapture() throws {
    let later = HandMadePair(ios: (0..<80).map { .init(queued: 3_100 * $0) })
    let folder = try Repository.folder(of: [
      "one/case/guest/t.txt": Self.pair.guest, "one/case/host/t.txt": Self.pair.host,
      "two/case/guest/t.txt": later.guest, "two/case/host/t.txt": later.host,
    ])
    #expect(try Program.run("analyze", "one/case", in: folder).status == 0)
    let incident = folder.appending(path: "hiddenq-case/incident.db")
    let before = try Data(contentsOf: incident)
    let other = try Program.run("analyze", "two/case", in: folder)
    #expect(other.status == 2)
    #expect(
      other.errors.contains("of another capture: it holds one/case/guest/t.txt and 1 more"),
      "\(other.errors)")
    #expect(other.errors.contains("--extend") && other.output == "")
    #expect(try Data(contentsOf: incident) == before)
    // The same by another path, or moved, is the same.
    for path in ["one/case", folder.path + "/one/case"] {
      #expect(try Program.run("analyze", path, in: folder).status == 0)
      #expect(try Data(contentsOf: incident) == before)
    }
    // One more file of it.
    try Data("procs\n".utf8).write(to: folder.appending(path: "one/case/guest/notes.txt"))
    #expect(try Program.run("analyze", "one/case", in: folder).status == 0)
    // A log that has grown is the same file; one whose beginning is another is not.
    let grown = Self.pair.guest + Self.pair.guest.suffix(0)
    try Data((grown + "\n").utf8).write(to: folder.appending(path: "one/case/guest/t.txt"))
    #expect(try Program.run("analyze", "one/case", in: folder).status == 0)
    try Data(later.guest.utf8).write(to: folder.appending(path: "one/case/guest/t.txt"))
    #expect(try Program.run("analyze", "one/case", in: folder).status == 2)
    let told = try Program.run("analyze", "two/case", "--extend", in: folder)
    #expect(told.status == 0 || told.status == 3, "\(told.errors)")
    #expect(try Program.value(incident.path, "SELECT count(*) >= 4 FROM source") == "1")
  }

  // MARK: Many other files

  @Test(
    "thousands of other files are a line for each folder, and each is named where that is wanted")
  func otherFiles() throws {
    let folder = try Repository.folder(of: [
      "sos/guest/proc/stat": "1760000000\ncpu  1 0 1 100 0 0 0 0 0 0\ncpu0 1 0 1 100 0 0 0 0 0 0\n",
      "sos/guest/iostat.txt": Self.iostat, "sos/guest/etc/motd": "hello there\n",
    ])
    for number in 0..<1_500 {
      let place = folder.appending(path: "sos/guest/proc/\(number)")
      try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
      try Data("word \(number) other\n".utf8).write(to: place.appending(path: "cgroup"))
    }
    let outcome = try Program.run("analyze", "sos", "-o", "out", in: folder)
    #expect(outcome.status == 0, "\(outcome.errors)")
    let list = outcome.output.components(separatedBy: "\nNot used: ").dropFirst().first ?? ""
    let lines = list.components(separatedBy: "\nwritten")[0].split(separator: "\n")
    #expect(lines.count <= 20, "\(list)")
    #expect(list.hasPrefix("1,502 files\n"))
    #expect(list.contains("guest/proc/: 1,500 files in no format that is read"), "\(list)")
    #expect(list.contains("guest/iostat.txt: this is iostat"))
    #expect(list.contains("--all-files"))
    let all = try Program.run("analyze", "sos", "-o", "out", "--all-files", in: folder)
    for number in [0, 7, 1_499] { #expect(all.output.contains("guest/proc/\(number)/cgroup")) }
    let ingested = try Program.run("ingest", "i.db", "sos", in: folder)
    #expect(ingested.output.split(separator: "\n").count <= 24, "\(ingested.output)")
  }
}
