import Foundation
import TestSupport
import Testing

@testable import HiddenQTests

/// `bench/counters.py` on short generated scenarios.
struct CounterTruthTests {
  @Test(
    "remote share, lost packets and the first loss are as a generated scenario has them",
    .needsShared,
    arguments: [
      ["noisy-cpu", "--numa-remote", "--duration", "2", "--date-style", "iso", "--seed", "5"],
      ["quiet", "--vms", "2", "--duration", "1", "--seed", "6"],
    ])
  func truth(_ scenario: [String]) throws {
    let folder = try Repository.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let made = try OtherProgram.run(
      "python3",
      [Repository.shared("tracegen/tracegen.py").path, scenario[0], folder.path]
        + scenario.dropFirst() + ["--no-verify"])
    #expect(made.status == 0, "\(made.output.prefix(2000))")
    let judged = try OtherProgram.run(
      "python3",
      [
        Repository.root.appending(path: "bench/counters.py").path, folder.path, "--hiddenq",
        Program.executable.path,
      ])
    #expect(judged.status == 0, "\(judged.output.prefix(2000))")
    #expect(judged.output.contains("0 problems"))
  }
}
