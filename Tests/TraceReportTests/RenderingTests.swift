import Testing
import TraceModel
import TraceStore

@testable import TraceReport

struct QuantityTests {
  @Test(arguments: [
    (0, "0 ns"), (999, "999 ns"), (1_000, "1.0 us"), (83_755, "83.8 us"), (1_999_950, "2.000 ms"),
    (17_648_000, "17.648 ms"), (1_150_348_406_000, "1,150.348 s"), (-1_350_000, "-1.350 ms"),
  ])
  func time(_ nanoseconds: Int64, _ text: String) {
    #expect(Quantity.time(nanoseconds) == text)
  }

  @Test(
    "in a sentence a time has three significant digits",
    arguments: [
      (0, "0 ns"), (999, "999 ns"), (999_700, "1.00 ms"), (35_467_000, "35.5 ms"),
      (1_875_000, "1.88 ms"), (152_110_000, "152 ms"), (9_996_000, "10.0 ms"),
      (20_503_000_000, "20.5 s"), (-492_400, "-492 us"),
    ])
  func brief(_ nanoseconds: Int64, _ text: String) {
    #expect(Quantity.brief(nanoseconds) == text)
  }

  @Test("parts of a whole add up to 100.0 %")
  func shares() throws {
    #expect(Quantity.shares([1, 1, 1]) == ["33.4 %", "33.3 %", "33.3 %"])
    #expect(Quantity.shares([2, 0, 1]) == ["66.7 %", "0.0 %", "33.3 %"])
    #expect(Quantity.shares([-2, -1]) == ["66.7 %", "33.3 %"])
    // One part is more than all.
    #expect(Quantity.shares([3, -1]) == nil)
    #expect(Quantity.shares([]) == nil && Quantity.shares([0, 0]) == nil)
    var parts: [Double] = []
    for place in 1...40 {
      parts.append(Double(place * place % 17) + 0.1)
      let texts = try #require(Quantity.shares(parts))
      let tenths = texts.map { Int($0.filter(\.isNumber)) ?? 0 }
      #expect(tenths.reduce(0, +) == 1000)
    }
  }

  @Test(arguments: [(0, "0"), (999, "999"), (1_000, "1,000"), (-1_234_567, "-1,234,567")])
  func count(_ number: Int64, _ text: String) {
    #expect(Quantity.count(number) == text)
  }

  @Test(
    "what is not all does not read as all",
    arguments: [
      (1.0, "100.0 %"), (0.99999, "99.9 %"), (0.0004, "0.0 %"), (0.5, "50.0 %"),
      (-0.0123, "-1.2 %"), (0.31169, "31.2 %"), (0.31149, "31.1 %"), (0.9994, "99.9 %"),
    ])
  func percent(_ share: Double, _ text: String) {
    #expect(Quantity.percent(share) == text)
  }

  @Test(
    "any number has a text",
    arguments: [
      Double.infinity, -.infinity, .nan, 1.7e308, -1.7e308, 1e19, -1e19, 9.3e18, 9.2e18, -9.3e18,
      -0.0, .leastNonzeroMagnitude,
      0x1p63, -0x1p63, 0x1p53,
    ])
  func any(_ number: Double) {
    var texts = [Quantity.time(number), Quantity.seconds(number), Quantity.percent(number)]
    texts.append(Quantity.TimeUnit.fitting(number).text(number))
    for digits in 0...4 { texts.append(Quantity.decimal(number, digits: digits)) }
    for text in texts {
      #expect(text.contains { $0.isNumber } || !number.isFinite)
      #expect(text.hasPrefix("-") == (number < 0 && number < -1), "\(text)")
    }
  }

  @Test("whole numbers to the last have one, too")
  func ends() {
    #expect(Quantity.count(.max) == "9,223,372,036,854,775,807")
    #expect(Quantity.count(.min) == "-9,223,372,036,854,775,808")
    #expect(Quantity.time(Int64.min) == "-9,223,372,036.855 s")
    #expect(Quantity.TimeUnit.microseconds.text(Int64.max) == "9,223,372,036,854,775.8")
    #expect(Quantity.decimal(9.2e18, digits: 0) == "9,200,000,000,000,000,000")
    #expect(Quantity.time(1_999_950.4) == "2.000 ms")
  }
}

struct PrintableTests {
  @Test(
    "what could act on a terminal or reader is spelled out",
    arguments: [
      ("fio", "fio"), ("\u{1B}[31mred", "\\u{1b}[31mred"), ("a\nb", "a\\u{a}b"),
      ("evil\u{202E}txt", "evil\\u{202e}txt"), ("zero\u{200B}width", "zero\\u{200b}width"),
      ("naïve ✓", "naïve ✓"),
    ])
  func text(_ raw: String, _ shown: String) {
    #expect(Printable.text(raw) == shown)
  }
}

struct TextRendererTests {
  @Test("no line is wider than 80 columns, whatever the cells hold")
  func width() {
    let long = String(repeating: "very/long/path/", count: 12) + "blkparse.txt"
    let document = Document(
      title: "t",
      blocks: [
        .facts([Fact("machine", String(repeating: "word ", count: 60))]),
        .table(
          Table(
            caption: String(repeating: "caption ", count: 20),
            columns: [.text("file"), .text("comm"), .number("events")],
            rows: [[long, "x", "1,234,567"], ["short", "y", "1"]])),
        .waterfalls([
          Waterfall(
            title: String(repeating: "title ", count: 30), detail: "d",
            segments: [.init(mark: .hop(.guestScheduler), nanoseconds: 5)])
        ]),
      ])
    for line in TextRenderer.render(document).split(separator: "\n") { #expect(line.count <= 80) }
  }

  @Test("a bar is full and each hop has its part")
  func bar() {
    let times: KeyValuePairs<Hop, Int64> = [
      .guestScheduler: 25, .virtioSubmit: 0, .hostScheduler: -3, .hardwareQueue: 50,
      .virtioReturn: 25,
    ]
    let waterfall = Waterfall(
      title: "", detail: "",
      segments: times.map { .init(mark: .hop($0), nanoseconds: $1) })
    #expect(waterfall.bar(width: 8) == "225555<<")
    #expect(Waterfall(title: "", detail: "", segments: []).bar(width: 8) == "")
  }

  @Test("a culprit's name stands in its hop where there is room, and the bar is as long as ever")
  func culprit() {
    func bar(_ name: String) -> String {
      Waterfall(
        title: "", detail: "",
        segments: [
          .init(mark: .hop(.hardwareQueue), nanoseconds: 4),
          .init(mark: .hop(.virtioReturn), nanoseconds: 12, culprit: .init(name: name, wait: 9)),
        ]
      ).bar(width: 16)
    }
    #expect(bar("stress") == "5555<< stress <<")
    #expect(bar("stress-ng") == "5555<<<<<<<<<<<<")
  }
}

struct MarkTests {
  @Test("every mark has a style of its own")
  func styles() {
    #expect(Set(Mark.ordered.map(\.style)).count == Mark.ordered.count)
    for mark in Mark.ordered {
      let isStyled = "\(StyleSheet.text)".contains(".\(mark.style) {")
      #expect(isStyled, "\(mark)")
      // The colour that it carries itself is that of the style sheet on a light page.
      let isSame =
        "\(StyleSheet.text)".contains(".\(mark.style) { fill: \(mark.colour); }")
        || "\(StyleSheet.text)".contains(": \(mark.colour);")
      #expect(isSame, "\(mark)")
    }
  }

  @Test("the key of a waterfall names each letter that a bar may hold")
  func key() {
    let segments = Mark.ofWaterfalls.map { Waterfall.Segment(mark: $0, nanoseconds: 1) }
    let all = Waterfall.key(of: [Waterfall(title: "", detail: "", segments: segments)])
    for mark in Mark.ofWaterfalls { #expect(all.contains(" \(mark.letter) "), "\(mark)") }
    #expect(all.contains("q QEMU, b backend"))
    // Where the host's block trace is there, nothing is said of QEMU.
    #expect(!Waterfall.key(of: []).contains("QEMU") && Waterfall.key(of: []).contains("4 host"))
  }
}

struct MarkdownRendererTests {
  @Test("names cannot become markup")
  func escapes() {
    let table = Table(
      caption: "", columns: [.text("comm")], rows: [["<script>|*x*`"], ["a & b"]])
    let text = MarkdownRenderer.render(table)
    #expect(text.contains("&lt;script&gt;\\|\\*x\\*\\`"))
    #expect(text.contains("a &amp; b"))
  }
}

struct TabularWriterTests {
  private func written(_ format: TabularFormat) -> String {
    var text = ""
    var writer = TabularWriter(format) { text += $0 }
    writer.begin(["n", "comm"])
    writer.add([.integer(7), .text("a,\"b\"\nc")])
    writer.add([.null, .text("é\u{1}")])
    writer.end()
    return text
  }

  @Test("CSV has the quotes of RFC 4180, lines that end with LF, and NULL as an empty field")
  func csv() {
    #expect(written(.csv) == "n,comm\n7,\"a,\"\"b\"\"\nc\"\n,é\u{1}\n")
  }

  @Test("JSON escapes what it must")
  func json() {
    #expect(
      written(.json)
        == "[\n{\"n\":7,\"comm\":\"a,\\\"b\\\"\\nc\"},\n{\"n\":null,\"comm\":\"é\\u0001\"}\n]\n")
    #expect(written(.jsonl).split(separator: "\n").count == 2)
  }

  @Test("a table shows control characters by their code and numbers at the right")
  func table() {
    #expect(written(.table) == "n  comm\n7  a,\"b\"\\u{a}c\n   é\\u{1}\n")
  }
}
