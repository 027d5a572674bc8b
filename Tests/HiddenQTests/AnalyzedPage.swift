import Foundation
import TestSupport
import Testing

/// What `analyze` makes of a capture: the page that people attach, and what programs read.
struct AnalyzedPage {
  let folder: String
  var incident: String { folder + "/incident.db" }

  init(of capture: URL) throws {
    folder = try Repository.temporaryFolder().path
    let outcome = try Program.run("analyze", capture.path, "-o", folder)
    try #require(outcome.status == 0, "\(outcome.errors)")
  }

  private func page() throws -> String {
    try String(contentsOfFile: folder + "/report.html", encoding: .utf8)
  }

  /// It loads nothing and runs nothing, and stays small.
  func checkInert() throws {
    let page = try page()
    #expect(
      page.contains(
        "content=\"default-src &#39;none&#39;; style-src &#39;unsafe-inline&#39;; img-src data:\""))
    for forbidden in [
      "<script", "<link", "<img", "<iframe", "http://", "https://", "@import", "url(",
    ] {
      #expect(!page.contains(forbidden), "\(forbidden)")
    }
    #expect(page.utf8.count < 500_000)
    #expect(page.matches(of: /<rect/).count < 3000)
  }

  /// Headings are in order, tables have captions and scopes, pictures have names.
  func checkStructure() throws {
    let page = try page()
    #expect(page.hasPrefix("<!DOCTYPE html>\n<html lang=\"en\">"))
    let levels = page.matches(of: /<h([1-6])>/).compactMap { Int($0.1) }
    #expect(levels.first == 1)
    #expect(levels.filter { $0 == 1 }.count == 1)
    for (before, after) in zip(levels, levels.dropFirst()) { #expect(after <= before + 1) }
    #expect(page.matches(of: /<table>/).count == page.matches(of: /<caption>/).count)
    #expect(page.matches(of: /<th scope="col"/).count == page.matches(of: /<th\s/).count)
    let pictures = page.matches(of: /<svg [^>]*>/)
    #expect(pictures.count > 5)
    for picture in pictures {
      // One with links in it is no single picture.
      #expect(picture.0.contains("role=\"img\"") || picture.0.contains("role=\"group\""))
      #expect(picture.0.contains("aria-label=\""))
    }
  }

  /// The verdict comes first, and the text to copy is what the Markdown begins with.
  func checkVerdictFirst() throws {
    let page = try page()
    let first = try #require(page.firstRange(of: "<h2>"))
    let answer = try #require(page.firstRange(of: "<div id=\"answer\""))
    #expect(answer.upperBound < first.lowerBound)
    let top = page[..<first.lowerBound]
    for label in ["What happened", "What to do"] where page.contains("Because of") {
      #expect(top.contains("<dt>\(label)</dt>"), "\(label)")
    }
    #expect(top.contains("The same as Markdown"))
    let copied = try Regex("<pre tabindex=\"0\">(# [^<]*)</pre>")
    let block = try #require(page.firstMatch(of: copied)?.output[1].substring)
    let outcome = try Program.run("report", incident, "--format", "markdown")
    #expect(outcome.status == 0, "\(outcome.errors)")
    let markdown = outcome.output
    #expect(markdown.hasPrefix("# ") && !markdown.hasPrefix("# hiddenq report"))
    let plain = block.replacing("&#39;", with: "'").replacing("&quot;", with: "\"")
      .replacing("&lt;", with: "<").replacing("&gt;", with: ">").replacing("&amp;", with: "&")
    #expect(plain.split(separator: "\n").count <= 25)
    for line in plain.split(separator: "\n") where !line.hasPrefix("... (more") {
      #expect(markdown.contains(line), "\(line)")
    }
  }

  /// Two runs give the same bytes.
  func checkReproducible(_ format: String) throws {
    // A copy: `correlate` holds the file's lock, and other tests read the shared one meanwhile.
    let incident = try Repository.temporaryFolder().appending(path: "incident.db")
    try FileManager.default.copyItem(at: URL(filePath: self.incident), to: incident)
    let first = try Program.run("report", incident.path, "--format", format)
    #expect(first.status == 0, "\(first.errors)")
    let again = try Program.run("correlate", incident.path)
    #expect(again.status == 0, "\(again.errors)")
    let second = try Program.run("report", incident.path, "--format", format)
    #expect(second.status == 0, "\(second.errors)")
    #expect(!first.output.isEmpty)
    #expect(first.output == second.output)
  }

  /// A browser loads it without an error or a request, where there is a browser.
  func checkBrowser() throws {
    let chromium = try Chromium.required()
    let process = Process()
    process.executableURL = chromium.executable
    let profile = try Repository.temporaryFolder().path
    process.arguments = [
      "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--v=0",
      "--user-data-dir=\(profile)", "--virtual-time-budget=2000", "--dump-dom",
      "file://\(folder)/report.html",
    ]
    let output = Pipe()
    let errors = URL(filePath: profile).appending(path: "said.txt")
    try Data().write(to: errors)
    process.standardOutput = output
    process.standardError = try FileHandle(forWritingTo: errors)
    try process.run()
    let page = String(
      decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    #expect(page.contains("What it shows"))
    let said = try String(contentsOf: errors, encoding: .utf8)
    #expect(!said.contains("CONSOLE"), "\(said)")
  }

  /// On a page of such a width no letters overlap, no mark lies outside of its figure, and links and folds have names.
  func checkLayout(width: Int) throws {
    let page = try page().replacing(
      /<meta http-equiv="Content-Security-Policy"[^>]*>/, with: ""
    ).replacing("</body>", with: "<script>\(Self.layout)</script></body>")
    func escaped(_ text: String) -> String {
      text.replacing("&", with: "&amp;").replacing("\"", with: "&quot;")
    }
    // A browser's window is never as narrow as a telephone's; a frame is.
    let dom = try Chromium.required().dom(
      of:
        "<!DOCTYPE html><html><body><iframe style=\"border:0;width:\(width)px;height:900px\" srcdoc=\""
        + "\(escaped(page))\"></iframe></body></html>")
    let faults = try #require(dom.firstMatch(of: /<pre id="faults">([^<]*)<\/pre>/)?.1)
    let lines = faults.split(separator: "\n", omittingEmptySubsequences: false)
    #expect(lines.first == "\(width)")
    #expect(lines.dropFirst().filter { !$0.isEmpty } == [])
  }

  private static let layout = """
    (function () {
      var faults = [];
      document.querySelectorAll('details').forEach(function (fold) { fold.open = true; });
      function box(element) { return element.getBoundingClientRect(); }
      document.querySelectorAll('svg').forEach(function (svg) {
        var frame = box(svg), name = (svg.getAttribute('aria-label') || '').slice(0, 40) + ': ';
        var texts = Array.from(svg.querySelectorAll('text')).filter(function (text) { return box(text).width > 0; });
        texts.forEach(function (text, place) {
          var own = box(text);
          if (own.left < frame.left - 1 || own.right > frame.right + 1 || own.top < frame.top - 1
            || own.bottom > frame.bottom + 2) { faults.push('outside: ' + name + text.textContent); }
          texts.slice(place + 1).forEach(function (other) {
            var its = box(other);
            var width = Math.min(own.right, its.right) - Math.max(own.left, its.left);
            var height = Math.min(own.bottom, its.bottom) - Math.max(own.top, its.top);
            if (width > 1 && height > 3) { faults.push('overlap: ' + name + text.textContent + ' and ' + other.textContent); }
          });
        });
        svg.querySelectorAll('rect, path').forEach(function (mark) {
          var own = box(mark);
          if (own.left < frame.left - 2 || own.right > frame.right + 2 || own.top < frame.top - 2
            || own.bottom > frame.bottom + 2) { faults.push('mark outside: ' + name + mark.getAttribute('class')); }
        });
      });
      if (document.documentElement.scrollWidth > window.innerWidth + 1) { faults.push('wider than the page'); }
      document.querySelectorAll('a, summary').forEach(function (link) {
        if (!link.textContent.trim() && !link.getAttribute('aria-label')) { faults.push('without a name: ' + link.outerHTML.slice(0, 80)); }
      });
      var pre = window.parent.document.createElement('pre');
      pre.id = 'faults';
      pre.textContent = window.innerWidth + '\\n' + faults.join('\\n').split('<').join('(');
      window.parent.document.body.replaceChildren(pre);
    })();
    """

  /// With the policy that Jenkins and others send, a browser asks for nothing but the page, and refuses nothing but the style
  /// sheet in it.
  func checkPolicy() throws {
    let chromium = try Chromium.required()
    let server = Process()
    server.executableURL = URL(filePath: "/usr/bin/env")
    let log = try Repository.temporaryFolder().appending(path: "asked.txt")
    server.arguments = ["python3", "-c", Self.server, folder, log.path]
    let output = Pipe()
    server.standardOutput = output
    server.standardError = FileHandle.nullDevice
    try server.run()
    defer { if server.isRunning { server.terminate() } }
    var port = ""
    while !port.hasSuffix("\n") {
      guard let byte = try output.fileHandleForReading.read(upToCount: 1), !byte.isEmpty else {
        try Test.cancel("there is no python3 here")
      }
      port += String(decoding: byte, as: UTF8.self)
    }
    let said = try chromium.said(
      of: "http://127.0.0.1:\(port.dropLast())/report.html")
    let asked = try String(contentsOf: log, encoding: .utf8).split(separator: "\n")
    #expect(asked.contains("/report.html"))
    #expect(asked.allSatisfy { $0 == "/report.html" || $0 == "/favicon.ico" }, "\(asked)")
    for line in said.split(separator: "\n") where line.contains("CONSOLE") {
      #expect(line.contains("inline style") || line.contains("favicon"), "\(line)")
    }
  }

  private static let server = """
    import functools, http.server, sys, time
    class Handler(http.server.SimpleHTTPRequestHandler):
        def end_headers(self):
            self.send_header('Content-Security-Policy', "sandbox; default-src 'none'; img-src 'self'; style-src 'self'")
            super().end_headers()
        def log_message(self, text, *values):
            with open(sys.argv[2], 'a') as log:
                print(self.path, file=log)
    server = http.server.HTTPServer(('127.0.0.1', 0), functools.partial(Handler, directory=sys.argv[1]))
    print(server.server_port, flush=True)
    server.timeout = 1
    end = time.time() + 30
    while time.time() < end:
        server.handle_request()
    """

  /// Each column of the picture over time leads to a panel, and each panel has the numbers of its interval.
  func checkPanels() throws {
    let page = try page()
    let columns = page.matches(of: /<a href="#(t-[0-9]+)" aria-label="([^"]*)"/).map {
      (String($0.1), String($0.2))
    }
    let panels = page.matches(
      of: /<details class="panel"><summary>([^<]*)<\/summary><div id="(t-[0-9]+)">/
    ).map { (String($0.2), String($0.1)) }
    #expect(columns.count > 10)
    #expect(columns.map(\.0) == panels.map(\.0) && columns.map(\.1) == panels.map(\.1))
    let stated = try Program.value(
      incident, "SELECT count(*) FROM latency_interval WHERE op = 'write' AND guest = 'guest'")
    #expect("\(panels.count)" == stated)
    // The slowest I/Os of an interval stand with the lines that they were read from.
    #expect(
      page.matches(
        of: /<dt>#[0-9]+<\/dt><dd>(read|write) [^<]*: [^<]* = H2 [^<]*:[0-9]+, [^<]*:[0-9]+<\/dd>/
      ).count > columns.count)
  }

  /// Every link leads to a place of the page, no two places have one name, and every finding can be reached.
  func checkLinks() throws {
    let page = try page()
    let places = page.matches(of: /\sid="([^"]+)"/).map { String($0.1) }
    #expect(Set(places).count == places.count)
    let links = Set(page.matches(of: /\shref="([^"]*)"/).map { String($0.1) })
    #expect(links.count > 5)
    for link in links {
      #expect(link.hasPrefix("#") && places.contains(String(link.dropFirst())), "\(link)")
    }
    // In two clicks at most: by the contents, and from there on.
    #expect(links.contains("#findings"))
    let sections = page.matches(of: /<section id="([^"]+)"/).map { String($0.1) }
    for section in sections { #expect(links.contains("#\(section)"), "\(section)") }
  }

  /// Every mark has its colour in itself, so that figures are right where a policy takes the style sheet away: of what is
  /// no letter a browser draws the same with it and without.
  func checkWithoutStyles() throws {
    let page = try page()
    let pictures = Self.parts(of: page, from: "<svg ", to: "</svg>")
    #expect(pictures.count > 5)
    for picture in pictures {
      // Marks in a group have its colour.
      let outside = Self.without(picture, from: "<g ", to: "</g>") { $0.contains(" fill=\"") }
      for name in ["rect", "path", "text"] {
        for mark in outside.components(separatedBy: "<\(name) ").dropFirst() {
          #expect(mark.prefix { $0 != ">" }.contains("fill=\""), "\(name) \(mark.prefix(120))")
        }
      }
    }
    let style = try #require(Self.parts(of: page, from: "<style>", to: "</style>").first)
    // Letters are beside the point.
    let marks = pictures.map { Self.without($0, from: "<text ", to: "</text>") { _ in true } }
      .map { "<div style=\"width:900px;line-height:0\">\($0)</div>" }.joined()
    func shot(_ head: String) throws -> Data {
      try Chromium.required().picture(
        of: "<!DOCTYPE html><html><head><meta charset=\"utf-8\">\(head)</head><body>"
          + "<div style=\"position:absolute;left:0;top:0\">\(marks)</div></body></html>",
        width: 900, height: 6000)
    }
    let (with, without) = try (shot(style), shot(""))
    // No list of the bytes that differ.
    let isSame = with == without
    #expect(isSame)
    #expect(with.count > 20_000, "nothing was drawn")
  }

  /// The pieces of a text that begin and end so.
  private static func parts(of text: String, from begin: String, to end: String) -> [String] {
    text.components(separatedBy: begin).dropFirst().map {
      begin + $0.components(separatedBy: end)[0] + end
    }
  }

  /// A text without such pieces, where they are meant.
  private static func without(
    _ text: String, from begin: String, to end: String, _ isMeant: (String) -> Bool
  ) -> String {
    let pieces = text.components(separatedBy: begin)
    return pieces[0]
      + pieces.dropFirst().map { piece in
        let parts = piece.components(separatedBy: end)
        let rest = parts.dropFirst().joined(separator: end)
        return isMeant(parts[0].prefix { $0 != ">" } + "") ? rest : begin + piece
      }.joined()
  }

  /// JSON is what its schema says.
  func checkJSON() throws {
    let text = try Program.run("report", incident, "--format", "json").output
    let schema = try JSONSerialization.jsonObject(
      with: Data(contentsOf: Repository.root.appending(path: "schema/report.schema.json")))
    let document = try JSONSerialization.jsonObject(with: Data(text.utf8))
    #expect(JSONShape.faults(document, schema, at: "$") == [])
    // The check itself finds what is wrong.
    #expect(!JSONShape.faults(["tool": 1], schema, at: "$").isEmpty)
  }
}
