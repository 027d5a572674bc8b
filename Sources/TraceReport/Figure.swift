public import TraceModel

/// A picture as values: what is drawn, not how. Few hundred marks at most, whatever the trace.
public struct Figure: Sendable {
  /// What it shows.
  public var title: String
  /// How to read it, in one sentence.
  public var reading: String
  /// The drawing.
  public var drawing: Drawing
  /// The same in numbers.
  public var numbers: Table
  /// Whether the numbers stand in for it where nothing can be drawn; else it is left out there.
  public var isInText: Bool

  /// The kinds of drawings.
  public enum Drawing: Sendable {
    /// Bars of parts.
    case bars(StackedBars)
    /// A mean, what adds to it and takes from it, and the mean that this makes.
    case steps(StepChart)
    /// All layers over one time.
    case layers(LayerChart)
    /// Counts over time and length.
    case heat([HeatMap])
    /// Values over time.
    case lines(LineChart)
    /// Changes with their intervals.
    case changes(ChangeStrips)
    /// Distributions of two sides over each other.
    case distributions([DistributionPair])
  }

  /// A figure.
  public init(
    title: String, reading: String, drawing: Drawing, numbers: Table, isInText: Bool
  ) {
    self.title = title
    self.reading = reading
    self.drawing = drawing
    self.numbers = numbers
    self.isInText = isInText
  }
}

/// What a colour stands for. Each has a letter and words beside it, for readers without colour.
public enum Mark: Hashable, Sendable {
  /// A part of an I/O's way.
  case hop(Hop)
  /// A cache flush within H2.
  case flush
  /// What is not followed.
  case notFollowed
  /// Who was on a CPU.
  case culprit(CulpritClass)
  /// As it is.
  case first
  /// Beside it.
  case second
  /// A line over cells, in the colour of letters.
  case ink
  /// Who uses something: the guest itself is 0, others follow, the last is all the rest.
  case owner(Int)

  /// Those of a waterfall, in the order in which an I/O passes them.
  static let ofWaterfalls =
    Hop.parts.flatMap { hop -> [Mark] in hop == .guestScheduler ? [.hop(hop), .flush] : [.hop(hop)]
    }
    + [.notFollowed]

  /// The order of legends.
  static let ordered =
    ofWaterfalls
    + CulpritClass.allCases.map { .culprit($0) } + [.first, .second, .ink]
    + owners.indices.map { .owner($0) }

  /// The mark of a hop; nil for what is no part of another.
  init?(_ hop: Hop) {
    if Hop.parts.contains(hop) {
      self = .hop(hop)
    } else if hop == .belowGuest {
      self = .notFollowed
    } else {
      return nil
    }
  }

  /// The character that draws it in a bar.
  public var letter: Character {
    switch self {
    case .hop(let hop): hop.letter
    case .flush: "f"
    case .notFollowed, .culprit, .first, .second, .ink, .owner: "?"
    }
  }

  /// What stands in or beside the colour.
  public var label: String {
    switch self {
    case .hop(let hop): hop.mark
    case .flush: "f"
    case .notFollowed: "?"
    case .culprit(let kind): kind.label
    case .first: "1"
    case .second: "2"
    case .ink: "-"
    case .owner(let place): "\(place)"
    }
  }

  /// The name of its style: `hop-page_cache`.
  var style: String {
    switch self {
    case .hop(let hop): "hop-\(hop.name)"
    case .flush: "flush"
    case .notFollowed: "not-followed"
    case .culprit(let kind): "culprit-\(kind.name)"
    case .first: "first"
    case .second: "second"
    case .ink: "ink"
    case .owner(let place): "owner-\(place)"
    }
  }
}

/// Bars on one scale, each of parts one after the other.
public struct StackedBars: Sendable {
  /// A part of a bar.
  public struct Part: Sendable {
    /// Its colour.
    public let mark: Mark
    /// Its length on the scale.
    public let value: Double
    /// What it is, in full.
    public let note: String
  }

  /// A bar.
  public struct Bar: Sendable {
    /// What it is.
    public let label: String
    /// Its parts, from the left.
    public let parts: [Part]
    /// What stands at its end.
    public let total: String
    /// How far the borders on either side of the host's part may be off; nil where nothing is.
    public var bound: Double?
  }

  /// The bars.
  public let bars: [Bar]
}

/// A value, what adds to it and takes from it, and what this makes; one below the other.
public struct StepChart: Sendable {
  /// A bar.
  public struct Step: Sendable {
    /// Of what kind it is.
    public enum Kind: Sendable {
      case total, hop, part
    }

    /// What it is.
    public let label: String
    /// Where it begins on the scale.
    public let from: Double
    /// Where it ends; before its begin where it takes away.
    public let to: Double
    /// Its colour.
    public let mark: Mark
    /// What stands beside it.
    public let value: String
    /// Of what kind it is.
    public let kind: Kind
    /// What it is, in full.
    public let note: String
  }

  /// The bars, from above.
  public let steps: [Step]
}

/// How many I/Os began in a stretch of time and took how long.
public struct HeatMap: Sendable {
  /// What it is of.
  public let title: String
  /// Columns of time.
  public let columns: Int
  /// Names of the rows, the shortest first; the last is all that is longer.
  public let rows: [String]
  /// Those of them that begin at a power of ten.
  public let decades: [Int]
  /// The cells that are not empty.
  public let cells: [HeatMapCell]
  /// Where the first column begins, s.
  public let from: Double
  /// How long a column is, s.
  public let length: Double
  /// UTC of 0 s, ns since 1970; nil where no file tells.
  public let zero: Int64?
}

/// A cell of a heat map.
public struct HeatMapCell: Sendable {
  /// Column, from 0.
  public let column: Int
  /// Row, from 0.
  public let row: Int
  /// How many.
  public let count: Int
}

/// Lines over a common time.
public struct LineChart: Sendable {
  /// A line; a gap where a value is missing.
  public struct Line: Sendable {
    /// What it is.
    public let name: String
    /// Its colour.
    public let mark: Mark
    /// Moments in s and values, in order.
    public let points: [(at: Double, value: Double?)]
  }

  /// The lines.
  public let lines: [Line]
  /// What the values are, with their unit.
  public let unit: String
  /// A level to hold them against, and what it is.
  public let limit: (value: Double, name: String)?
  /// UTC of 0 s, ns since 1970; nil where no file tells.
  public let zero: Int64?
}

/// Layers of the way of an I/O, one below the other on one time.
public struct LayerChart: Sendable {
  /// A stretch of time, s, and what holds in it.
  public struct Stretch: Sendable {
    /// s.
    public let from: Double
    /// s.
    public let to: Double
    /// Nil: not observed.
    public let value: Double?
  }

  /// Some I/Os of a stretch of time that took about as long as each other.
  public struct Cell: Sendable {
    /// s.
    public let from: Double
    /// s.
    public let to: Double
    /// ns.
    public let low: Double
    /// ns.
    public let high: Double
    /// How many.
    public let count: Int
  }

  /// A line, or the part of an owner in a stack.
  public struct Series: Sendable {
    /// Whose it is.
    public let name: String
    /// Its colour.
    public let mark: Mark
    /// In the order of time.
    public let stretches: [Stretch]
  }

  /// What a lane shows.
  public enum Content: Sendable {
    /// Times on a logarithmic scale, with lines over them.
    case heat([Cell], [Series])
    /// What adds up, from below.
    case stack([Series])
    /// Lines.
    case curves([Series])
  }

  /// A layer.
  public struct Lane: Sendable {
    /// What it is.
    public let title: String
    /// Its unit, and whose it is.
    public let subtitle: String
    /// What it shows.
    public let content: Content
    /// A level to hold it against, with its name.
    public var limit: (value: Double, name: String)?
    /// Where there are data, s; elsewhere nothing was traced.
    public let covered: [ClosedRange<Double>]
    /// Whether its values are percents.
    public var isPercent = false
  }

  /// A moment with its name.
  public struct Onset: Sendable {
    /// s.
    public let at: Double
    /// What begins there.
    public let name: String
  }

  /// From where, s.
  public let from: Double
  /// To where, s.
  public let to: Double
  /// UTC of 0 s, ns since 1970; nil where no file tells.
  public let zero: Int64?
  /// The layers, from above.
  public let lanes: [Lane]
  /// The phases that are not as usual, s.
  public let phases: [ClosedRange<Double>]
  /// When they begin, and when all is as before again.
  public let onsets: [Onset]
  /// When the guest stood still, s.
  public let pauses: [ClosedRange<Double>]
  /// The intervals that have a panel.
  public var columns: [Column] = []

  /// An interval that leads to its panel.
  public struct Column: Sendable {
    /// s.
    public let from: Double
    /// s.
    public let to: Double
    /// The panel.
    public let anchor: Anchor
    /// What it says.
    public let note: String
  }
}
