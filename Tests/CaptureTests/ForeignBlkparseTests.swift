import Foundation
import TestSupport
import Testing
import TraceIngest
import TraceModel

@testable import TraceIngestTests

/// Other people's files and real captures, where the folder with them is beside the checkout.
@Suite(.needsShared) struct ForeignBlkparseTests {
  /// Lines of the shape of events, counted without our parser.
  private func eventLines(_ url: URL) throws -> Int64 {
    let shape = #/^ *\d+,\d+ +\d+ +-?\d+ +\d+\.\d{9} +\d+ /#
    let text = String(decoding: try Data(contentsOf: url), as: UTF8.self)
    return Int64(text.split(separator: "\n").count { $0.prefixMatch(of: shape) != nil })
  }

  private static let samples: [String] = {
    guard let shared = Repository.shared else { return [] }
    let folder = shared.appending(path: "samples/blkparse")
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    // One is made with a format string of somebody's own, one is a mail, tested below.
    return names.filter { !["merged_custom.txt", "imb_example.txt"].contains($0) }.sorted().map {
      folder.path + "/" + $0
    }
  }()

  @Test("every event line of a foreign file is an event", arguments: samples)
  func readsForeignFiles(_ path: String) throws {
    let url = URL(filePath: path)
    let summary = try read(path, into: CollectingSink())
    #expect(summary.events == (try eventLines(url)))
    #expect(summary.skippedLines == 0)
  }

  @Test("a mail with traces in it: prose is counted, events with remarks behind them are read")
  func readsAMail() throws {
    let path = try Repository.shared("samples/blkparse/imb_example.txt")
    let summary = try read(path.path, into: CollectingSink())
    // It quotes some of its lines again.
    let repeated = summary.problems.first { $0.kind == .repeatedStretch }?.count ?? 0
    #expect(repeated > 0)
    #expect(summary.events + repeated == (try eventLines(path)))
    #expect(summary.problems.first { $0.kind == .annotatedLine }?.count == 10)
    #expect(summary.skippedLines == 44)
  }

  private static let captures: [String] = {
    guard let shared = Repository.shared else { return [] }
    return Repository.folders(in: shared.appending(path: "traces")).flatMap { capture in
      ["guest", "host"].map { capture.appending(path: $0) }.filter {
        FileManager.default.fileExists(atPath: $0.appending(path: "btt/btt.avg").path)
          && FileManager.default.fileExists(atPath: $0.appending(path: "blkparse.txt").path)
      }.map(\.path)
    }
  }()

  /// `D2C   0.002152553   0.043668113   0.547626640        2338`
  private func btt(_ folder: String) throws -> [String: (mean: Double, count: Int64)] {
    let text = try String(contentsOfFile: folder + "/btt/btt.avg", encoding: .utf8)
    var rows: [String: (Double, Int64)] = [:]
    for line in text.split(separator: "\n").prefix(14) {
      let words = line.split(separator: " ")
      guard words.count == 5, let mean = Double(words[2]), let count = Int64(words[4]) else {
        continue
      }
      // btt takes this major for device-mapper.
      rows[String(words[0].replacing("dm", with: ""))] = (mean, count)
    }
    return rows
  }

  @Test("stages equal btt's: N exactly, the mean within its last digit", arguments: captures)
  func stagesEqualBtt(_ folder: String) throws {
    let sink = CollectingSink()
    let summary = try read(folder + "/blkparse.txt", into: sink)
    let expected = try btt(folder)
    #expect(expected.count >= 6)
    for (name, row) in expected {
      let own = summary.stages.filter { $0.stage.name == name }
      let count = own.reduce(0) { $0 + $1.histogram.count }
      let sum = own.reduce(0) { $0 + $1.histogram.sum }
      #expect(count == row.count, "\(name)")
      #expect(abs(Double(sum) / Double(count) / 1e9 - row.mean) < 1.1e-9, "\(name)")
    }
  }
}
