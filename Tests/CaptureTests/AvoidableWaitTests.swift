import Foundation
import TestSupport
import Testing

@testable import HiddenQTests

/// How much of the waits for a CPU was avoidable, on real captures, against a count that goes through each wait alone.
struct AvoidableWaitTests {
  private static let captures: [String] = {
    guard let shared = Repository.shared else { return [] }
    return Repository.folders(in: shared.appending(path: "traces")).filter { capture in
      ["qemu-threads.txt", "perf-sched-script.txt.gz"].allSatisfy {
        FileManager.default.fileExists(atPath: capture.appending(path: "host/\($0)").path)
      }
    }.map(\.path)
  }()

  fileprivate struct Stay {
    let from: Int64
    let to: Int64
    let cpu: Int64
  }

  private static func stays(_ incident: String, _ condition: String) throws -> [Int64: [Stay]] {
    let outcome = try Program.run(
      "query", incident,
      """
      SELECT tid, from_ns, to_ns, coalesce(wait_cpu, cpu) FROM thread_interval
      WHERE segment = 0 AND machine = 'host' AND \(condition) ORDER BY from_ns
      """, "--format", "csv")
    var stays: [Int64: [Stay]] = [:]
    for line in Program.records(outcome.output).dropFirst() {
      let numbers = line.split(separator: ",").compactMap { Int64($0) }
      stays[numbers[0], default: []].append(
        Stay(from: numbers[1], to: numbers[2], cpu: numbers[3]))
    }
    return stays
  }

  /// The part of a wait in which one of these CPUs but its own was idle: each moment at which one begins or ends to be
  /// idle is looked at.
  private static func free(_ wait: Stay, _ cpus: Set<Int64>, _ idle: [Stay]) -> Int64 {
    let others = idle.filter {
      $0.cpu != wait.cpu && cpus.contains($0.cpu) && $0.from < wait.to && $0.to > wait.from
    }
    let moments = Set(
      others.flatMap { [max($0.from, wait.from), min($0.to, wait.to)] }
    ).sorted()
    return zip(moments, moments.dropFirst()).reduce(0) { sum, next in
      others.contains { $0.from <= next.0 && $0.to >= next.1 } ? sum + next.1 - next.0 : sum
    }
  }

  @Test(
    "what another CPU could have taken is what a count by hand finds; a pinned thread has none",
    .needsShared, arguments: captures)
  func byHand(_ capture: String) throws {
    let folder = try Repository.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let host = folder.appending(path: "in/host")
    try FileManager.default.createDirectory(at: host, withIntermediateDirectories: true)
    for file in ["perf-sched-script.txt.gz", "qemu-threads.txt", "qmp.json", "ps-eLo.txt"] {
      let from = URL(filePath: capture).appending(path: "host/\(file)")
      guard FileManager.default.fileExists(atPath: from.path) else { continue }
      try FileManager.default.createSymbolicLink(
        at: host.appending(path: file), withDestinationURL: from)
    }
    let out = folder.appending(path: "out").path
    #expect(
      try Program.run("analyze", folder.appending(path: "in").path, "-o", out).status == 0)
    let incident = out + "/incident.db"
    let rows = Program.records(
      try Program.run(
        "query", incident,
        "SELECT tid, waited_ns, avoidable_ns, allowed_cpus FROM avoidable_wait", "--format", "csv"
      ).output
    ).dropFirst()
    #expect(rows.count >= 3)
    let idle = try Self.stays(incident, "kind = 'run' AND tid = 0")[0] ?? []
    let waits = try Self.stays(
      incident, "kind = 'wait' AND tid IN (SELECT tid FROM avoidable_wait)")
    // Those that may have a part in a wait, by the begin of the longest before them.
    let longest = idle.map { $0.to - $0.from }.max() ?? 0
    for row in rows {
      let fields = row.split(separator: ",", maxSplits: 3).map {
        $0.trimmingCharacters(in: CharacterSet(charactersIn: "\""))
      }
      let tid = try #require(Int64(fields[0]))
      let cpus = Set(
        fields[3].split(separator: ",").flatMap { part -> [Int64] in
          let ends = part.split(separator: "-").compactMap { Int64($0) }
          return ends.isEmpty ? [] : Array(ends[0]...ends[ends.count - 1])
        })
      #expect(!cpus.isEmpty)
      let own = waits[tid] ?? []
      #expect(own.reduce(0) { $0 + $1.to - $1.from } == Int64(fields[1]))
      var avoidable: Int64 = 0
      for wait in own {
        let first = idle.firstPlace { $0.from >= wait.from - longest }
        let last = idle.firstPlace { $0.from >= wait.to }
        avoidable += Self.free(wait, cpus, Array(idle[first..<last]))
      }
      let found = try #require(Int64(fields[2]))
      #expect(abs(found - avoidable) <= avoidable / 1000, "\(tid): \(found), \(avoidable)")
      if cpus.count == 1 { #expect(found == 0, "\(tid)") }
    }
  }
}

extension AvoidableWaitTests {
  @Test("virsh vcpupin says it of virtual CPUs; a pinned one could not have moved", .needsShared)
  func pins() throws {
    let folder = try Repository.temporaryFolder()
    let host = folder.appending(path: "in/host")
    try FileManager.default.createDirectory(at: host, withIntermediateDirectories: true)
    for file in ["perf-sched-script.txt.gz", "qmp.json", "ps-eLo.txt"] {
      try FileManager.default.createSymbolicLink(
        at: host.appending(path: file),
        withDestinationURL: try Repository.shared("traces/kvm-noisy-cpu/host/\(file)"))
    }
    try Data(" VCPU   CPU Affinity\n----------------------\n 0      0-3\n 1      1\n".utf8)
      .write(to: host.appending(path: "vcpupin.txt"))
    let out = folder.appending(path: "out").path
    #expect(
      try Program.run("analyze", folder.appending(path: "in").path, "-o", out).status == 0)
    let incident = out + "/incident.db"
    let rows = Program.records(
      try Program.run(
        "query", incident,
        "SELECT tid, allowed_cpus, avoidable_ns > 0 FROM avoidable_wait ORDER BY tid", "--format",
        "csv"
      ).output)
    #expect(rows.dropFirst() == ["2842,0-3,1", "2843,1,0"])
  }
}

extension [AvoidableWaitTests.Stay] {
  /// The place of the first one, of those in order, for which something is true.
  fileprivate func firstPlace(_ isTrue: (Element) -> Bool) -> Int {
    var (low, high) = (0, count)
    while low < high {
      let middle = (low + high) / 2
      if isTrue(self[middle]) { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
