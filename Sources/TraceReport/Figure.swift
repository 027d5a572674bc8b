internal import TraceAnalysis

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

/// What a colour stands for. Each has a letter beside it, for readers without colour.
public enum Mark: String, CaseIterable, Sendable {
  /// H1.
  case pageCache
  /// H2.
  case guestScheduler
  /// A cache flush within H2.
  case flush
  /// H3 on the way in.
  case virtioSubmit
  /// H4.
  case hostScheduler
  /// H5.
  case hardware
  /// H3 on the way back.
  case virtioReturn
  /// What is not followed.
  case unknown
  /// A thread of the same guest.
  case sibling
  /// Another guest.
  case guest
  /// A program of the host.
  case host
  /// A thread of the kernel.
  case kernel
  /// Nobody, although the thread could run.
  case throttled
  /// As it is.
  case first
  /// Beside it.
  case second

  /// The mark of a letter in a waterfall.
  public init(letter: Character) {
    switch letter {
    case "1": self = .pageCache
    case "2": self = .guestScheduler
    case "f": self = .flush
    case ">": self = .virtioSubmit
    case "4": self = .hostScheduler
    case "5": self = .hardware
    case "<": self = .virtioReturn
    default: self = .unknown
    }
  }

  /// The mark of a hop; nil for what is no part of another.
  init?(_ hop: Hop) {
    switch hop {
    case .pageCache: self = .pageCache
    case .guestScheduler: self = .guestScheduler
    case .virtioSubmit: self = .virtioSubmit
    case .virtioReturn: self = .virtioReturn
    case .hostScheduler: self = .hostScheduler
    case .hardwareQueue: self = .hardware
    case .belowGuest: self = .unknown
    case .virtioQueue, .block, .total: return nil
    }
  }

  /// The mark of a class of culprits.
  public init(culprit: String) {
    self = Mark(rawValue: culprit) ?? .unknown
  }

  /// What stands in or beside the colour.
  public var letter: String {
    switch self {
    case .pageCache: "H1"
    case .guestScheduler: "H2"
    case .flush: "f"
    case .virtioSubmit: "H3 in"
    case .hostScheduler: "H4"
    case .hardware: "H5"
    case .virtioReturn: "H3 back"
    case .unknown: "?"
    case .sibling: "sibling"
    case .guest: "guest"
    case .host: "host"
    case .kernel: "kernel"
    case .throttled: "idle"
    case .first: "1"
    case .second: "2"
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

/// How many I/Os began in a stretch of time and took how long.
public struct HeatMap: Sendable {
  /// What it is of.
  public let title: String
  /// Columns of time.
  public let columns: Int
  /// Names of the rows, the shortest first; the last is all that is longer.
  public let rows: [String]
  /// The cells that are not empty.
  public let cells: [HeatMapCell]
  /// The first and the last moment.
  public let from: String
  /// The last moment.
  public let to: String
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
}
