import Foundation
import TestSupport
import Testing
import TraceModel

@testable import TraceIngest
@testable import TraceIngestTests

/// Files of esxtop beside the package: every value that is kept against another reading of the same text, and what must
/// hold between values.
@Suite(.needsShared) struct EsxtopFilesTests {
  private static let folder = "samples/esxtop/"

  private static func read(_ name: String) throws -> (RecordedCounters, SourceSummary) {
    let path = try Repository.shared(folder + name).path
    let sink = RecordedCounters()
    let summary = try IngestRun(source: try ByteSource(path: path)).read(into: sink)
    return (sink, summary)
  }

  /// The cells of a line as a person would part them: at quotes and commas, with one flag.
  private static func cells(_ line: Substring) -> [String] {
    var cells: [String] = []
    var text = ""
    var isQuoted = false
    var isOpen = false
    for character in line {
      switch character {
      case "\"" where isQuoted:
        cells.append(text)
        (text, isQuoted, isOpen) = ("", false, false)
      case "\"":
        // The column without a name ends where the next one begins.
        if isOpen { cells.append(text) }
        (text, isQuoted, isOpen) = ("", true, false)
      case "," where !isQuoted:
        if isOpen { cells.append(text) }
        (text, isOpen) = ("", false)
      default:
        text.append(character)
        if !isQuoted { isOpen = true }
      }
    }
    if isOpen { cells.append(text) }
    return cells
  }

  /// Lines of a whole file by that reading: the header's cells and those of its rows.
  static func table(_ name: String) throws -> (header: [String], rows: [[String]]) {
    let data = try Data(contentsOf: Repository.shared(folder + name))
    let lines = String(decoding: data, as: UTF8.self).split(separator: "\n").map { cells($0) }
    return (lines[0], Array(lines.dropFirst()))
  }

  /// What a column is of, by its name alone; nil for what is not kept.
  private static func place(_ column: String, vms: [String: String]) -> (
    object: String, counter: String
  )? {
    guard let match = column.wholeMatch(of: /\\\\[^\\]+\\([^(\\]+)(?:\((.*)\))?\\([^\\]+)/) else {
      return nil
    }
    let (kind, instance, counter) = (String(match.1), String(match.2 ?? ""), String(match.3))
    guard
      EsxCounter.all.contains(where: {
        $0.name == counter && $0.kinds.map(\.rawValue).contains(kind)
      })
    else { return nil }
    let parts = instance.split(separator: ":").map(String.init)
    let object: String?
    switch kind {
    case "Memory", "Physical Cpu Load": object = "machine "
    case "Physical Cpu": object = instance == "_Total" ? "machine " : "cpu " + instance
    case "Group Cpu" where vms[parts[0]] == nil:
      object = counter == "% Used" ? "service \(parts[1]) (\(parts[0]))" : nil
    case "Group Cpu", "Group Memory": object = vms[parts[0]].map { "vm " + $0 }
    case "Vcpu":
      object =
        parts.count == 5 && parts[3].hasPrefix("vmx-vcpu-")
        ? "vcpu \(parts[1]) vCPU \(parts[3].dropFirst(9))" : nil
    case "Physical Disk SCSI Device": object = "disk " + instance
    case "Virtual Disk":
      object = parts.count == 3 ? "virtualDisk \(parts[0]) \(parts[1]):\(parts[2])" : nil
    case "Network Port": object = "port " + instance
    default: object = "diskUser"
    }
    return object.map { ("esxtop " + $0, counter) }
  }

  @Test(
    "every kept value of the whole files is that of another reading",
    arguments: [
      ("01-esxtopd-full-a.csv", 17_428), ("02-esxtopd-small.csv", 7_631),
      ("D1-column-cut.csv", 2_760), ("D2-episode-60rows.csv", 2_758),
    ])
  func values(_ file: String, columns: Int) throws {
    let (sink, summary) = try Self.read(file)
    let (header, rows) = try Self.table(file)
    #expect(header.count == columns)
    #expect(rows.allSatisfy { $0.count == columns })
    #expect(summary.events == Int64(rows.count) && summary.skippedLines == 0)
    var vms: [String: String] = [:]
    for name in header where name.hasSuffix("\\% VmWait") && name.contains("\\Group Cpu(") {
      let parts = name.split(separator: "(", maxSplits: 1)[1].dropLast(10).split(separator: ":")
      vms[String(parts[0])] = String(parts[1].dropLast(0))
    }
    #expect(vms.count == 6)
    var read: [String: Int64] = [:]
    for value in sink.values {
      let object = value.object.hasPrefix("esxtop diskUser") ? "esxtop diskUser" : value.object
      // Of users of disks only their sum is compared here: whose they are another test holds.
      read["\(value.moment) \(object): \(value.counter)", default: 0] += value.value
    }
    var expected: [String: Int64] = [:]
    for (column, name) in header.enumerated() {
      guard let (object, counter) = Self.place(name, vms: vms) else { continue }
      let isDisk = ["esxtop disk", "esxtop virtualDisk"].contains { object.hasPrefix($0) }
      for (number, row) in rows.enumerated() where number > 0 || !isDisk {
        let value = try #require(Double(row[column].trimmingCharacters(in: .whitespaces)))
        expected["\(number) \(object): \(counter)", default: 0] += Int64((value * 100).rounded())
      }
    }
    #expect(expected.count > 1000)
    #expect(read.count == expected.count)
    var wrong = 0
    for (key, value) in expected where read[key] != value {
      wrong += 1
      if wrong < 5 {
        Issue.record(
          "\(key): \(value) in the file, \(read[key].map(String.init) ?? "nothing") read")
      }
    }
    #expect(wrong == 0)
  }

  @Test(
    "who uses a disk adds up to what the disk does, and GAVG is DAVG and KAVG",
    arguments: [
      "01-esxtopd-full-a.csv", "02-esxtopd-small.csv",
    ])
  func identities(_ file: String) throws {
    let (sink, _) = try Self.read(file)
    var checked = 0
    var sums: [String: Int64] = [:]
    for value in sink.samples where sink.counters[Int(value.counter)].name == "Commands/sec" {
      let object = sink.objects[Int(value.object)]
      if object.kind == .diskUser {
        sums["\(value.moment) \(object.part ?? "")", default: 0] += value.value
      }
    }
    for value in sink.samples where sink.counters[Int(value.counter)].name == "Commands/sec" {
      let object = sink.objects[Int(value.object)]
      guard object.kind == .disk else { continue }
      #expect(
        abs(value.value - (sums["\(value.moment) \(object.name)"] ?? 0)) <= 3, "\(object.name)")
      checked += 1
    }
    var times: [String: [String: Int64]] = [:]
    for value in sink.values where value.counter.hasSuffix("MilliSec/Command") {
      times["\(value.moment) \(value.object)", default: [:]][value.counter] = value.value
    }
    for (key, own) in times {
      guard let guest = own["Average Guest MilliSec/Command"], guest > 0,
        let device = own["Average Driver MilliSec/Command"],
        let kernel = own["Average Kernel MilliSec/Command"],
        let queue = own["Average Queue MilliSec/Command"]
      else { continue }
      #expect(abs(guest - device - kernel) <= 1, "\(key)")
      #expect(queue <= kernel)
      checked += 1
    }
    #expect(checked > 20)
  }

  @Test(
    "cells are those of the reference tokenizer",
    arguments: [
      "01-esxtopd-full-a.csv", "02-esxtopd-small.csv", "D1-column-cut.csv", "D2-episode-60rows.csv",
      "D7-trailing-commas.csv",
    ])
  func reference(_ file: String) throws {
    let script = """
      import sys
      sys.path.insert(0, sys.argv[1])
      sys.dont_write_bytecode = True
      from pdhtok import tok
      for line in open(sys.argv[1] + sys.argv[2], encoding='utf-8', newline='\\n'):
          if line.strip(): print('\\x1f'.join(tok(line.rstrip('\\n'))[0]))
      """
    let folder = try Repository.shared(Self.folder).path
    let run = try OtherProgram.run("python3", ["-c", script, folder + "/", file])
    #expect(run.status == 0, "\(run.output.prefix(500))")
    let lines = run.output.split(separator: "\n").map {
      $0.split(separator: "\u{1f}", omittingEmptySubsequences: false).map(String.init)
    }
    let (header, rows) = try Self.table(file)
    #expect(lines.count == rows.count + 1)
    #expect(lines.first == header)
    #expect(Array(lines.dropFirst()) == rows)
  }

  @Test(
    "what is stored of a VM is the sum of its worlds, where ESXi adds them up",
    arguments: [("01-esxtopd-full-a.csv", 7), ("02-esxtopd-small.csv", 7)])
  func sums(_ file: String, counters: Int) throws {
    let (sink, _) = try Self.read(file)
    let (header, rows) = try Self.table(file)
    // Waits and idle times are cut at 100 % of each world.
    let added = [
      "% Used", "% Run", "% System", "% Ready", "% CoStop", "% Max Limited", "% Swap Wait",
    ]
    var checked: Set<String> = []
    var isBusy = false
    for vm in ["styx", "portunus", "hermes", "ananke", "ouranos", "poseidon"] {
      for counter in added {
        let stored = sink.series("esxtop vm \(vm)", counter)
        guard !stored.isEmpty else { continue }
        #expect(stored.count == rows.count)
        checked.insert(counter)
        let worlds = header.indices.filter {
          header[$0].contains(#/\\Vcpu\(\d+:/#.ignoresCase()) && header[$0].contains(":\(vm):")
            && header[$0].hasSuffix("\\" + counter)
        }
        #expect(worlds.count >= 8, "\(vm) \(counter)")
        for (row, value) in zip(rows, stored) {
          let sum = worlds.reduce(0.0) { $0 + (Double(row[$1]) ?? .nan) }
          #expect(abs(Double(value) / 100 - sum) <= 0.0401, "\(vm) \(counter): \(value) and \(sum)")
          isBusy = isBusy || sum > 1
        }
      }
    }
    #expect(checked.count == counters && isBusy)
  }

  @Test("known values of the first file: virtual CPUs, groups, memory of the host and of its VMs")
  func known() throws {
    let (sink, summary) = try Self.read("01-esxtopd-full-a.csv")
    #expect(sink.series("esxtop vcpu poseidon vCPU 0", "% Ready")[1] == 84)
    #expect(sink.series("esxtop vcpu poseidon vCPU 1", "% Ready")[1] == 151)
    #expect(sink.series("esxtop vm poseidon", "% Ready")[1] == 237)
    #expect(sink.series("esxtop vm styx", "% Ready").contains(107))
    #expect(sink.series("esxtop vcpu styx vCPU 0", "% Ready").contains(31))
    let balloons = sink.values.filter { $0.counter == "Memctl MBytes" && $0.moment == 2 }.map(
      \.value)
    #expect(balloons.count == 6 && abs(balloons.reduce(0, +) - 515_230) <= 5)
    #expect(sink.series("esxtop machine ", "Memctl Current MBytes")[2] == 515_200)
    let swapped = sink.values.filter { $0.counter == "Swapped MBytes" && $0.moment == 2 }.map(
      \.value)
    #expect(abs(swapped.reduce(0, +) - 115_070) <= 5)
    let utc = sink.moments.map(\.wall?.nanoseconds)
    #expect(utc == [1_524_566_952, 1_524_566_957, 1_524_566_962].map { $0 * 1_000_000_000 })
    #expect(summary.headers.map(\.value) == ["localhost.home"])
    let facts = sink.topology.settings.filter { $0.object == "poseidon" }.map {
      "\($0.name) \($0.value)"
    }
    #expect(facts == ["group 1423953", "leader 480214", "vcpus 2", "scsi0 PVSCSI"])
    let owners = Set(sink.objects.filter { $0.kind == .diskUser }.compactMap(\.owner))
    #expect(owners.count == 6)
  }

  @Test(
    "damaged and saved-again files give values, and say what was done",
    arguments: [
      ("03-visualesxtoponline-1000.csv", 514, ProblemKind.unknownZone),
      ("06-elatov-nfs-cut.csv", 10, .sinceBootRow), ("07-elatov-vdisk-cut.csv", 1, nil),
      ("11-dl360-coreutil-cut.csv", 1, nil), ("D3-truncated-last-row.csv", 5, .truncatedLine),
      ("D4-repeated-header-two-runs.csv", 6, .sinceBootRow),
      ("D5-crlf-unquoted-resave.csv", 6, .sinceBootRow),
      ("D6-stderr-glued-head.csv", 6, .toolNotice), ("D7-trailing-commas.csv", 6, .sinceBootRow),
    ] as [(String, Int64, ProblemKind?)])
  func damaged(_ file: String, rows: Int64, says kind: ProblemKind?) throws {
    let (sink, summary) = try Self.read(file)
    #expect(summary.events == rows)
    #expect(sink.moments.count == Int(rows))
    #expect(!sink.samples.isEmpty)
    if let kind { #expect(summary.problems.contains { $0.kind == kind }) }
  }

  @Test("what is saved again or has commas at its ends says the same")
  func same() throws {
    let whole = try Self.read("D6-stderr-glued-head.csv").0.values
    #expect(whole.count > 100)
    for file in ["D5-crlf-unquoted-resave.csv", "D7-trailing-commas.csv"] {
      #expect(try Self.read(file).0.values == whole, "\(file)")
    }
    // The last row of this one is cut.
    let cut = try Self.read("D3-truncated-last-row.csv").0.values
    #expect(cut == whole.filter { $0.moment < 5 })
  }

  @Test("rows of whole minutes are spread over them")
  func minutes() throws {
    let (sink, _) = try Self.read("03-visualesxtoponline-1000.csv")
    let times = sink.moments.compactMap(\.wall)
    #expect(times.count == 514 && times.allSatisfy { $0.utcOffset == nil })
    let steps = zip(times.dropFirst(), times).map { $0.nanoseconds - $1.nanoseconds }
    #expect(steps.allSatisfy { $0 > 3_000_000_000 && $0 < 8_000_000_000 })
  }

  @Test(
    "a header without rows is refused",
    arguments: [
      "09-termcap-glued-head-cut.csv", "10-rackhd-header-cut.csv",
    ])
  func headersAlone(_ file: String) {
    #expect {
      _ = try Self.read(file)
    } throws: {
      guard case IngestError.refused(.noEvents, _, _, let hint) = $0 else { return false }
      return hint.contains("no row")
    }
  }
}

/// vscsiStats of a real VM beside the package.
@Suite(.needsShared) struct VscsiFilesTests {
  @Test("sixteen histograms, with those of latency as counted by hand")
  func histograms() throws {
    let path = try Repository.shared("samples/vscsistats/20-er0080-vscsistats-all-c.csv").path
    let sink = RecordedCounters()
    let summary = try IngestRun(source: try ByteSource(path: path)).read(into: sink)
    let found = sink.topology.histograms
    #expect(found.count == 16 && summary.skippedLines == 0 && summary.problems.isEmpty)
    let all = try #require(found.first { $0.quantity == "latency" && $0.operation == "all" })
    #expect(all.count == 793 && all.buckets.last?.count == 0 && all.buckets.last?.limit == nil)
    let until = all.buckets.filter { ($0.limit ?? .max) <= 500 }.reduce(0) { $0 + $1.count }
    #expect(until == 707)
    let writes = found.first { $0.quantity == "interarrival" && $0.operation == "write" }
    #expect(writes?.buckets.last?.count == 110)
    #expect(Set(found.map { "\($0.quantity) \($0.operation)" }).count == 16)
  }
}
