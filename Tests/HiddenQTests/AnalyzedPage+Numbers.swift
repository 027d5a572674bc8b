import Foundation
import TestSupport
import Testing
import TraceModel

extension AnalyzedPage {
  /// A table as the forms of a report show it: its cells, row by row.
  private typealias Cells = [[String]]

  /// The tables of the page by their captions.
  private func tables(of page: String) -> [String: Cells] {
    func plain(_ text: Substring) -> String {
      String(text).replacing("&#39;", with: "'").replacing("&quot;", with: "\"").replacing(
        "&lt;", with: "<"
      )
      .replacing("&gt;", with: ">").replacing("&amp;", with: "&")
    }
    var tables: [String: Cells] = [:]
    for table in page.matches(
      of: /<table><caption>([^<]*)<\/caption><thead>.*?<\/thead><tbody>(.*?)<\/tbody>/)
    {
      tables[plain(table.1)] = table.2.matches(of: /<tr>(.*?)<\/tr>/).map { row in
        row.1.matches(of: /<td[^>]*>([^<]*)<\/td>/).map { plain($0.1) }
      }
    }
    return tables
  }

  /// Every number of the table of hops is that of the view and of JSON, in every form; so are those of the excess; and shares
  /// of parts add up.
  func checkNumbers() throws {
    let page = try String(contentsOfFile: folder + "/report.html", encoding: .utf8)
    let tables = tables(of: page)
    let markdown = try Program.run("report", incident, "--format", "markdown", "--full").output
    let text = try Program.run("report", incident).output
    let json = try #require(
      try JSONSerialization.jsonObject(
        with: Data(try Program.run("report", incident, "--format", "json").output.utf8))
        as? [String: Any])
    let disks = try #require(json["disks"] as? [[String: Any]])
    var compared = 0
    for disk in disks {
      let name = "\(disk["guest"] ?? "") \(disk["device"] ?? "")"
      for operation in try #require(disk["operations"] as? [[String: Any]]) {
        let op = try #require(operation["op"] as? String)
        guard
          let caption = tables.keys.first(where: { $0.hasPrefix("\(name), \(op), ") }),
          let rows = tables[caption], let symbol = caption.firstMatch(of: /, (us|ms)[:;]/)?.1
        else { continue }
        let unit: Quantity.TimeUnit = symbol == "us" ? .microseconds : .milliseconds
        var sum = 0.0
        for hop in try #require(operation["hops"] as? [[String: Any]]) {
          let word = try #require(hop["hop"] as? String)
          let title = try #require(Hop(name: word))
          guard
            let row = rows.first(where: {
              $0[0].trimmingCharacters(in: .whitespaces) == title.tableName
            })
          else { continue }
          let stated = try Program.value(
            incident,
            """
            SELECT count, p50_ns, p90_ns, p99_ns, max_ns FROM hop_summary WHERE op = '\(op)' AND hop = '\(word)'
              AND guest || ' ' || device = '\(name)'
            """
          ).split(separator: ",").compactMap { Int64($0) }
          let told = try ["count", "p50_ns", "p90_ns", "p99_ns", "max_ns"].map {
            Int64(try #require(hop[$0] as? Int))
          }
          #expect(told == stated, "\(name) \(op) \(word)")
          #expect(Quantity.count(told[0]) == row[1], "\(caption) \(word)")
          for (value, cell) in zip(told[1...3], row[2...4]) {
            #expect(unit.text(value) == cell, "\(caption) \(word)")
          }
          #expect(unit.text(told[4]) == row[6], "\(caption) \(word)")
          if Hop.passed.contains(title), title != .pageCache, let share = Double(row[7].dropLast(2))
          {
            sum += share
          }
          // The same row in the other forms.
          let cells = row.map { $0.trimmingCharacters(in: .whitespaces) }
          #expect(markdown.contains("| " + cells[1...].joined(separator: " | ") + " |"), "\(cells)")
          let words = text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
          #expect(words.contains(cells.joined(separator: " ")), "\(cells)")
          compared += 1
        }
        if rows.contains(where: { $0[0] == Hop.block.tableName }) {
          #expect(abs(sum - 100) < 0.001, "\(caption): \(sum)")
        }
      }
    }
    #expect(compared >= 8)
    try checkExcess(tables, page)
    // Nothing is more than the whole but growth, which has a sign.
    let spoken = page.replacing(/<style>.*?<\/style>/, with: "")
    for share in spoken.matches(of: /(.)\b([0-9][0-9,]*(?:\.[0-9]+)?) %/) {
      let value = Double(share.2.filter { $0 != "," }) ?? 0
      #expect(value <= 100 || share.1 == "+" || share.1 == "-", "\(share.0)")
    }
  }

  /// The table of where the time went is the view `excess`, and adds up.
  private func checkExcess(_ tables: [String: Cells], _ page: String) throws {
    let caption = try #require(tables.keys.first { $0.hasPrefix("Means per I/O in ") })
    let rows = try #require(tables[caption])
    let whole = try #require(rows.last)
    let counts = try #require(caption.firstMatch(of: /of ([0-9,]+) and ([0-9,]+) (\w+)/))
    let op = counts.3.hasSuffix("s") ? String(counts.3.dropLast()) : "all"
    let stated = try Program.value(
      incident,
      """
      SELECT baseline_count, phase_count, baseline_mean_ns, phase_mean_ns, baseline_p99_ns, phase_p99_ns FROM excess
      WHERE hop = 'block' AND part IS NULL AND device IS NULL AND op = '\(op)' ORDER BY delta_ns DESC LIMIT 1
      """
    ).split(separator: ",").compactMap { Int64($0) }
    #expect(stated.count == 6)
    #expect([stated[0], stated[1]].map(Quantity.count) == [String(counts.1), String(counts.2)])
    let unit: Quantity.TimeUnit = caption.contains(" in ms") ? .milliseconds : .microseconds
    #expect([stated[2], stated[3]].map(unit.text) == Array(whole[1...2]))
    // The answer has the same p99.
    #expect(
      page.contains("p99 \(unit.brief(stated[4])) -&gt; \(unit.brief(stated[5])) \(unit.symbol)"))
    let hops = rows.dropLast().filter { !$0[0].hasPrefix(" ") }
    // Without shares where one would be below nothing.
    if whole.count > 5, !whole[5].isEmpty {
      let shares = hops.compactMap { Double($0[5].dropLast(2)) }
      #expect(shares.count == hops.count && abs(shares.reduce(0, +) - 100) < 0.001)
    }
    let changes = hops.compactMap { Double($0[3].filter { $0 != "," && $0 != "+" }) }
    let sum = try #require(Double(whole[3].filter { $0 != "," && $0 != "+" }))
    #expect(abs(changes.reduce(0, +) - sum) < 0.001 * Double(changes.count))
  }

  /// Each setting stands with the file and line that states it.
  func checkConfiguration() throws {
    let page = try String(contentsOfFile: folder + "/report.html", encoding: .utf8)
    let rows = try #require(
      tables(of: page)["Schedulers, queues, limits and options, as the files state them."])
    for (machine, name) in [("guest", "scheduler"), ("host", "scheduler"), ("host", "nr_requests")]
    {
      let row = try #require(rows.first { $0[0] == machine && $0[2] == name })
      let place = try #require(row[4].firstMatch(of: /^(.*):([0-9]+)$/))
      let file = Repository.fixtures.appending(path: "kvm-cpu-neighbour/\(place.1)")
      let lines = try String(contentsOf: file, encoding: .utf8).components(separatedBy: "\n")
      let line = lines[try #require(Int(place.2)) - 1]
      #expect(
        line.contains(row[1]) && line.contains(row[2]) && line.contains(row[3]), "\(row) \(line)")
    }
  }
}
