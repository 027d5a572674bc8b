internal import TraceModel

/// The colours of a light page, for marks that carry them themselves: a policy or a mail reader may take the style sheet
/// away. ``StyleSheet`` says the same, and other colours for a dark page.
enum Paint {
  static let ink = "#1b1f24"
  static let soft = "#57606a"
  static let line = "#d0d7de"
  static let page = "#ffffff"
  static let heat = "#0050a0"
  static let critical = "#b00020"
  static let family = "system-ui, sans-serif"

  /// Lines that are no data.
  enum Line: String {
    case axis, grid, limit, zero, bound

    var colour: String {
      switch self {
      case .axis, .grid: Paint.line
      case .limit: Paint.soft
      case .zero, .bound: Paint.ink
      }
    }

    var width: String {
      switch self {
      case .grid: "0.6"
      case .bound: "1.5"
      case .axis, .limit, .zero: "1"
      }
    }

    var dashes: String { self == .limit ? "5 4" : "none" }
  }
}

extension Mark {
  /// Its colour on a light page, as the style sheet has it under ``style``.
  var colour: String {
    switch self {
    case .hop(let hop):
      switch hop {
      case .pageCache: "#a7a7a7"
      case .guestScheduler: "#e69f00"
      case .virtioSubmit: "#56b4e9"
      case .qemu: "#8d6cab"
      case .backend: "#d55e00"
      case .hostScheduler: "#009e73"
      case .hardwareQueue: "#cc79a7"
      case .virtioReturn: "#0072b2"
      case .virtioQueue, .belowGuest, .block, .total: "#c9c9c9"
      }
    case .flush: "#f0e442"
    case .notFollowed: "#c9c9c9"
    case .culprit(let kind):
      switch kind {
      case .sibling: "#e69f00"
      case .guest: "#d55e00"
      case .host: "#cc79a7"
      case .kernel: "#56b4e9"
      case .throttled, .unknown: "#c9c9c9"
      }
    case .first: "#0b57a4"
    case .second: "#b5540c"
    case .ink: Paint.ink
    case .owner(let place): Self.owners[place % Self.owners.count]
    }
  }

  /// The guest itself, then others, the one that did most first.
  static let owners = ["#0b57a4", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#9aa4af"]

  /// Of letters on it.
  var inkOnIt: String {
    switch self {
    case .hop(.virtioReturn), .first, .second, .owner(0): "#ffffff"
    default: "#000000"
    }
  }
}
