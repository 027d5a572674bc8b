import Foundation
import TestSupport
import Testing
import TraceAnalysis
import TraceIngest
import TraceModel

@testable import TraceStore

/// The episode that was written into a real header: what is found, of whom, and in which rows.
@Suite(.needsShared) struct EsxEpisodeTests {
  private struct Said: Equatable, CustomStringConvertible {
    let code: String
    let guest: String?
    /// Rows of the file, the first of which has the number 1.
    let rows: ClosedRange<Int64>
    var description: String { "\(code) \(guest ?? "-") rows \(rows)" }
  }

  @Test("each cause is found in its rows, and nothing in the others")
  func episode() throws {
    let folder = try Repository.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let file = try IncidentFile(folder.appending(path: "a.db").path, mode: .create)
    let path = try Repository.shared("samples/esxtop/D2-episode-60rows.csv").path
    _ = try file.addSource(Machine(name: "esx1", layer: .host), path: path) { sink in
      try IngestRun(source: ByteSource(path: path)).read(into: sink)
    }
    try Correlation.run(file)
    let findings = try file.findings()
    let zero = 1_524_566_952 * 1_000_000_000 as Int64
    let said = findings.filter { $0.severity > .info }.compactMap { finding -> Said? in
      guard let from = finding.extent.from, let to = finding.extent.to else {
        Issue.record("\(finding.code.rawValue) has no time")
        return nil
      }
      // Row 1 ends at the zero, each other one 5 s later.
      let (first, last) = ((from - zero) / 5_000_000_000 + 2, (to - zero) / 5_000_000_000 + 1)
      return Said(code: finding.code.rawValue, guest: finding.guest, rows: first...last)
    }
    let expected = [
      Said(code: "NOISY_CPU_NEIGHBOUR", guest: "poseidon", rows: 21...40),
      Said(code: "STEAL_HIDDEN", guest: "poseidon", rows: 21...40),
      Said(code: "STEAL_HIDDEN", guest: "ananke", rows: 21...40),
      Said(code: "CO_STOP", guest: "poseidon", rows: 21...40),
      Said(code: "CPU_LIMIT", guest: "hermes", rows: 21...40),
      Said(code: "NOISY_DISK_NEIGHBOUR", guest: "poseidon", rows: 31...50),
      Said(code: "DISK_BUSY", guest: nil, rows: 31...50),
      Said(code: "NET_DROP_BEFORE_WIRE", guest: "poseidon", rows: 36...38),
      Said(code: "HOST_SWAP", guest: "poseidon", rows: 46...50),
    ]
    for one in expected { #expect(said.contains(one), "\(one) is missing") }
    for one in said { #expect(expected.contains(one), "\(one) was found") }
    func sentence(_ code: String, of guest: String?) -> String {
      findings.first { $0.code.rawValue == code && $0.guest == guest }?.sentence ?? ""
    }
    #expect(sentence("NOISY_CPU_NEIGHBOUR", of: "poseidon").contains("ananke used 92.1 % of a CPU"))
    #expect(sentence("NOISY_DISK_NEIGHBOUR", of: "poseidon").contains("hermes did 900.0 commands"))
    #expect(sentence("CPU_LIMIT", of: "hermes").contains("%MLMTD"))
    #expect(sentence("STEAL_HIDDEN", of: "poseidon").contains("25.7 % of the time"))
    #expect(sentence("DISK_BUSY", of: nil).contains("(DAVG)"))
  }

  @Test("the real files have no episode")
  func quiet() throws {
    for name in ["01-esxtopd-full-a.csv", "02-esxtopd-small.csv"] {
      let folder = try Repository.temporaryFolder()
      defer { try? FileManager.default.removeItem(at: folder) }
      let file = try IncidentFile(folder.appending(path: "a.db").path, mode: .create)
      let path = try Repository.shared("samples/esxtop/" + name).path
      _ = try file.addSource(Machine(name: "esx1", layer: .host), path: path) { sink in
        try IngestRun(source: ByteSource(path: path)).read(into: sink)
      }
      try Correlation.run(file)
      #expect(try file.findings().allSatisfy { $0.severity == .info }, "\(name)")
    }
  }
}
