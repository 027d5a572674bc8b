import Foundation
import TestSupport
import Testing

/// The script that `hiddenq capture` prints, run for real as far as the machine allows.
struct CaptureScriptTests {
  @Test("it records a machine into one archive that analyze takes as it is")
  func record() throws {
    let folder = try Repository.temporaryFolder()
    let script = try Program.run("capture", "guest", "--seconds", "2")
    #expect(script.status == 0)
    try script.output.write(
      to: folder.appending(path: "capture.sh"), atomically: true, encoding: .utf8)
    let recorded = try OtherProgram.run(
      "sh", ["capture.sh", "--name", "web1", "--limit-mb", "64"], in: folder, withSignals: true)
    #expect(recorded.status == 0, "\(recorded.output)")
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
    #expect(names.count == 2, "\(names)")
    let archive = try #require(names.last { $0.hasPrefix("guest-web1-") })
    try FileManager.default.createDirectory(
      at: folder.appending(path: "capture"), withIntermediateDirectories: false)
    #expect(
      try OtherProgram.run("tar", ["-xzf", archive, "-C", "capture"], in: folder).status == 0)
    let outcome = try Program.run(
      "analyze", folder.path + "/capture", "-o", folder.path + "/out")
    #expect(outcome.status == 0, "\(outcome.errors)")
    let incident = folder.path + "/out/incident.db"
    #expect(
      try Program.value(incident, "SELECT group_concat(DISTINCT machine || layer) FROM source")
        == "web1guest")
    #expect(
      try Program.value(incident, "SELECT count(*) FROM source WHERE format = 'proc-stat'") == "1")
    if PerfHere.canRecord {
      // The recording goes in as it is.
      #expect(
        try Program.value(
          incident, "SELECT count(*) FROM source WHERE format = 'perf-data' AND events > 0") == "1")
    }
  }

  @Test("shells and shellcheck have nothing to say", arguments: ["guest", "host"])
  func lint(_ role: String) throws {
    let folder = try Repository.temporaryFolder()
    let script = try Program.run("capture", role, "--device", "vdb", "--device", "nvme0n1")
    #expect(script.output.contains("\nrole=\(role)\n"))
    #expect(script.output.contains("\ndevices=\"vdb nvme0n1\"\n"))
    try script.output.write(
      to: folder.appending(path: "capture.sh"), atomically: true, encoding: .utf8)
    let parsed = try OtherProgram.run("sh", ["-n", "capture.sh"], in: folder)
    #expect(parsed.status == 0, "\(parsed.output)")
    let checked = try OtherProgram.run("shellcheck", ["capture.sh"], in: folder)
    // 126: a shell finds it on the path, and this user may not run it.
    if [126, 127].contains(checked.status) {
      try Test.cancel("the shell has looked at the script; there is no shellcheck here")
    }
    #expect(checked.status == 0, "\(checked.output)")
  }

  @Test("no device name gets shell syntax into the script", arguments: ["a;b", "$(x)", "a b", ""])
  func hostileDevice(_ name: String) throws {
    let outcome = try Program.run("capture", "guest", "--device", name)
    #expect(outcome.status == 2)
    #expect(outcome.output.isEmpty)
  }
}
