public import TraceModel

/// A report before it has a form: what there is to say, without how it looks. Renderers switch over all
/// kinds of blocks, so that none forgets one.
public struct Document: Sendable {
  /// What it is about.
  public var title: String
  /// What it says, in order.
  public var blocks: [Block]
  /// What made it, from what.
  public var origin: String

  /// A document.
  public init(title: String, blocks: [Block], origin: String = "") {
    self.title = title
    self.blocks = blocks
    self.origin = origin
  }

  /// Its blocks where nothing can be drawn or folded: without pictures that have no words, and without the
  /// titles of sections of which nothing is left.
  var inWords: [Block] {
    var kept: [Block] = []
    let unfolded = blocks.flatMap { block -> [Block] in
      if case .folded(_, let inner) = block { inner } else { [block] }
    }
    for block in unfolded {
      switch block {
      case .details, .code, .contents, .panels: continue
      case .figure(let figure) where !figure.isInText: continue
      case .heading:
        if case .heading = kept.last { kept.removeLast() }
      default: break
      }
      kept.append(block)
    }
    if case .heading = kept.last { kept.removeLast() }
    return kept
  }

  /// It without the answer, for where that stands already.
  public var withoutAnswer: Document {
    var rest = self
    rest.blocks.removeAll { if case .answer = $0 { true } else { false } }
    return rest
  }

  /// Its title and its findings alone, for a terminal on which the answer stands already: of a bundle without a trace the
  /// other sections say what is missing, and list files that nobody chose.
  public var findingsAlone: Document {
    var rest = self
    var isKept = false
    rest.blocks = withoutAnswer.blocks.filter { block in
      if case .heading(let heading) = block { isKept = heading.anchor == FindingSection.anchor }
      return isKept
    }
    return rest
  }

  /// Lines that a ticket or chat takes at once.
  private static let mostLines = 25

  /// Where the answer ends; where none is given, the first section, which says what was found.
  var endOfVerdict: Int {
    if let end = blocks.lastIndex(where: \.isAnswer) { return end + 1 }
    let headings = blocks.indices.filter { index in
      if case .heading = blocks[index] { true } else { false }
    }
    return headings.count > 1 ? headings[1] : blocks.count
  }

  /// The beginning of the Markdown report: whose traces it is of, and what was found. Empty where nothing was.
  public var verdict: String {
    let end = endOfVerdict
    if end == 0 { return "" }
    if case .heading = blocks[end - 1] { return "" }
    let text = MarkdownRenderer.render(Document(title: title, blocks: Array(blocks[..<end])))
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    return lines.count <= Self.mostLines
      ? text
      : lines.prefix(Self.mostLines - 1).joined(separator: "\n") + "\n... (more in the report)\n"
  }
}

/// A piece of a report.
public enum Block: Sendable {
  /// What happened, above all sections.
  case answer(Answer)
  /// Short remarks in one line, each with the place that holds the details.
  case remarks([Remark])
  /// What follows, section by section, where a reader can jump.
  case contents
  /// The title of a section.
  case heading(Heading)
  /// Plain sentences.
  case paragraph(String)
  /// Short facts, one under the other.
  case facts([Fact])
  /// Numbers.
  case table(Table)
  /// Requests as bars, hop by hop.
  case waterfalls([Waterfall])
  /// What was found.
  case findings([Finding])
  /// A picture.
  case figure(Figure)
  /// Single intervals of time, to which a picture leads.
  case panels([Panel])
  /// What only some readers want: folded where that can be, and left out where it cannot.
  case details(String, [Block])
  /// What is worth little: folded where that can be.
  case folded(String, [Block])
  /// Text for machines: SQL, hashes.
  case code(String)
}

extension Block {
  /// Whether it belongs to the answer, which stands above all sections.
  var isAnswer: Bool {
    switch self {
    case .answer, .remarks: true
    default: false
    }
  }
}

/// A place in a report that a link leads to.
public struct Anchor: Hashable, Sendable {
  /// Its name in the page: `clocks`.
  public let id: String

  /// A section's.
  public init(_ id: StaticString) { self.id = "\(id)" }

  private init(id: String) { self.id = id }

  /// A finding's, by its place among the findings.
  public static func finding(_ place: Int) -> Anchor { Anchor(id: "finding-\(place + 1)") }

  /// A column of time's, by its place among them.
  public static func interval(_ place: Int) -> Anchor { Anchor(id: "t-\(place + 1)") }
}

/// The title of a section.
public struct Heading: Sendable, ExpressibleByStringInterpolation {
  /// The words.
  public var title: String
  /// The place that links lead to; nil for a part of a section.
  public var anchor: Anchor?
  /// What the section says, in a few words: for the contents, and beside the title where the section is folded.
  public var state = ""
  /// Whether it is folded where that can be: nothing in it needs to be looked at.
  public var isFolded = false

  /// A title.
  public init(_ title: String, anchor: Anchor? = nil) {
    (self.title, self.anchor) = (title, anchor)
  }

  /// A title without a place of its own.
  public init(stringLiteral title: String) { self.init(title) }
}

/// What is known of an interval of time.
public struct Panel: Sendable {
  /// Where links to it lead.
  public let anchor: Anchor
  /// When it was, and what happened in a few words.
  public let title: String
  /// Its numbers.
  public let facts: [Fact]
}

/// What happened.
public struct Answer: Sendable {
  /// How bad it is; nil where nothing unusual was found.
  public var severity: Finding.Severity?
  /// Whether that is for want of I/Os: a change might have been missed.
  public var isUnsure = false
  /// What, since when, whose, how sure, what to do.
  public var facts: [Fact]
  /// What the colour of its border says, in words.
  public var label: String {
    severity?.rawValue ?? (isUnsure ? "cannot tell" : "nothing unusual")
  }
}

/// A short remark.
public struct Remark: Sendable {
  /// What it says.
  public let text: String
  /// Where the details are.
  public let anchor: Anchor?

  /// A remark.
  public init(_ text: String, _ anchor: Anchor?) {
    (self.text, self.anchor) = (text, anchor)
  }
}

/// A name and what it is.
public struct Fact: Sendable {
  /// The name.
  public let name: String
  /// What it is.
  public let value: String
  /// Places that hold more of it, each with its name; without a value they are it.
  public let links: [Remark]
  /// What it says where nothing can be followed.
  var words: String { value.isEmpty ? links.map(\.text).joined(separator: ", ") : value }

  /// A fact.
  public init(_ name: String, _ value: String, links: [Remark] = []) {
    self.name = name
    self.value = value
    self.links = links
  }
}

/// A table of texts; the first row of cells is under the first column.
public struct Table: Sendable {
  /// A column.
  public struct Column: Sendable {
    /// Its head.
    public let name: String
    /// Whether it holds numbers, which stand at the right.
    public let isNumber: Bool

    /// How it gives way where a page is too narrow; nil: after those that say how.
    public let yielding: Yielding?

    /// A column that is made narrower before others.
    public struct Yielding: Sendable {
      /// So many characters stay at least.
      public let least: Int
      /// Whether the beginning of a longer text stays, or its end.
      public let keepsBeginning: Bool

      /// A way to give way.
      public init(least: Int, keepsBeginning: Bool) {
        self.least = least
        self.keepsBeginning = keepsBeginning
      }
    }

    init(name: String, isNumber: Bool, yielding: Yielding? = nil) {
      self.name = name
      self.isNumber = isNumber
      self.yielding = yielding
    }

    /// A column of text.
    public static func text(_ name: String, yielding: Yielding? = nil) -> Column {
      Column(name: name, isNumber: false, yielding: yielding)
    }
    /// A column of numbers.
    public static func number(_ name: String) -> Column { Column(name: name, isNumber: true) }
  }

  /// What it shows, in one line.
  public var caption: String
  /// The columns.
  public var columns: [Column]
  /// The cells, one array per row; an empty cell is empty.
  public var rows: [[String]]

  /// A table.
  public init(caption: String, columns: [Column], rows: [[String]]) {
    self.caption = caption
    self.columns = columns
    self.rows = rows
  }
}

/// One I/O as a bar: its hops one after the other, each as long as its part of the whole.
public struct Waterfall: Sendable {
  /// What the letters of these bars in words stand for; QEMU's hops are told where they are drawn.
  static func key(of waterfalls: [Waterfall]) -> String {
    let drawn = Set(waterfalls.flatMap { $0.segments.map(\.mark) })
    let marks = Mark.ofWaterfalls.filter { mark in
      if case .hop(let hop) = mark, Hop.throughQEMU.contains(hop) { return drawn.contains(mark) }
      return true
    }
    return "In the bars: "
      + marks.map { mark in
        let words =
          switch mark {
          case .hop(let hop): hop.words.isEmpty ? hop.code : hop.words
          case .flush: "cache flush in it"
          default: "not followed"
          }
        return "\(mark.letter) \(words)"
      }.joined(separator: ", ") + "."
  }

  /// A stretch of the bar.
  public struct Segment: Sendable {
    /// What it shows, with a letter for readers without colour.
    public let mark: Mark
    /// Its length, ns; below zero where the clock's bound allows it: then it takes no room and is in the words.
    public let nanoseconds: Int64
    /// Who had the CPU that the I/O waited for, where that was much of this time.
    public let culprit: Culprit?

    /// Somebody who had the CPU, and for how long of the stretch, ns.
    public struct Culprit: Sendable {
      /// The name.
      public let name: String
      /// How long.
      public let wait: Int64

      /// Somebody.
      public init(name: String, wait: Int64) {
        self.name = name
        self.wait = wait
      }
    }

    /// A stretch.
    public init(mark: Mark, nanoseconds: Int64, culprit: Culprit? = nil) {
      self.mark = mark
      self.nanoseconds = nanoseconds
      self.culprit = culprit
    }
  }

  /// What it is: number, operation, address, task.
  public var title: String
  /// The hops in words.
  public var detail: String
  /// The hops in order.
  public var segments: [Segment]

  /// A bar.
  public init(title: String, detail: String, segments: [Segment]) {
    self.title = title
    self.detail = detail
    self.segments = segments
  }

  /// The bar in so many characters: each hop gets its part, rounded so that the whole is full, and the name
  /// of its culprit where there is room.
  public func bar(width: Int) -> String {
    let lengths = segments.map { Double(max(0, $0.nanoseconds)) }
    let whole = lengths.reduce(0, +)
    guard whole > 0 else { return "" }
    var text = ""
    var passed = 0.0
    for (segment, length) in zip(segments, lengths) {
      passed += length
      let until = Int((passed / whole * Double(width)).rounded())
      text += Self.stretch(segment, width: until - text.count)
    }
    return text
  }

  /// `<<<< stress-ng <<<<`
  private static func stretch(_ segment: Segment, width: Int) -> String {
    let name = segment.culprit.map { " \($0.name) " } ?? ""
    let rest = width - name.count
    guard !name.isEmpty, rest >= 2 else {
      return String(repeating: segment.mark.letter, count: max(0, width))
    }
    return String(repeating: segment.mark.letter, count: rest / 2) + name
      + String(repeating: segment.mark.letter, count: rest - rest / 2)
  }
}
