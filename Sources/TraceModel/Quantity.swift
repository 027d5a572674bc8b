/// Numbers as people read them: one unit per table, grouped digits, never a number without its unit.
///
/// Any number has a text: one that is not finite, or too large for digits, is written as Swift writes it.
public enum Quantity {
  /// A unit of time for a whole table.
  public enum TimeUnit: Sendable {
    /// Microseconds.
    case microseconds
    /// Milliseconds.
    case milliseconds

    /// The unit in which a time of this size reads well.
    public static func fitting(_ nanoseconds: Int64) -> TimeUnit {
      nanoseconds.magnitude >= 1_000_000 ? .milliseconds : .microseconds
    }

    /// The same of a number that need not be whole.
    public static func fitting(_ nanoseconds: Double) -> TimeUnit {
      abs(nanoseconds) >= 1_000_000 ? .milliseconds : .microseconds
    }

    /// Its symbol.
    public var symbol: String {
      switch self {
      case .microseconds: "us"
      case .milliseconds: "ms"
      }
    }

    /// A time in this unit, without the symbol; milliseconds with three digits, microseconds with one.
    public func text(_ nanoseconds: Double) -> String {
      Quantity.whole(nanoseconds).map { text($0) } ?? "\(nanoseconds) ns"
    }

    /// The same of a whole number.
    public func text(_ nanoseconds: Int64) -> String {
      switch self {
      case .microseconds: Quantity.fixed(nanoseconds, per: 1_000, digits: 1)
      case .milliseconds: Quantity.fixed(nanoseconds, per: 1_000_000, digits: 3)
      }
    }
  }

  /// The same of a number that need not be whole, rounded to whole ns.
  public static func time(_ nanoseconds: Double) -> String {
    whole(nanoseconds).map(time) ?? "\(nanoseconds) ns"
  }

  /// A single time with its unit.
  public static func time(_ nanoseconds: Int64) -> String {
    switch nanoseconds.magnitude {
    case 0..<1_000: "\(nanoseconds) ns"
    case 1_000..<1_000_000: fixed(nanoseconds, per: 1_000, digits: 1) + " us"
    case 1_000_000..<1_000_000_000: fixed(nanoseconds, per: 1_000_000, digits: 3) + " ms"
    default: seconds(nanoseconds)
    }
  }

  /// The nearest whole number; nil where there is none of 64 bits.
  private static func whole(_ number: Double) -> Int64? { Int64(exactly: number.rounded()) }

  /// The same of a number that need not be whole.
  public static func seconds(_ nanoseconds: Double) -> String {
    whole(nanoseconds).map(seconds) ?? "\(nanoseconds) ns"
  }

  /// A moment or a long time, with its unit.
  public static func seconds(_ nanoseconds: Int64) -> String {
    fixed(nanoseconds, per: 1_000_000_000, digits: 3) + " s"
  }

  /// A count with its thousands set apart.
  public static func count(_ number: Int64) -> String {
    number < 0 ? "-" + grouped(number.magnitude) : grouped(number.magnitude)
  }

  private static func grouped(_ number: UInt64) -> String {
    let digits = String(number)
    var text = ""
    for (index, digit) in digits.enumerated() {
      if index > 0, (digits.count - index) % 3 == 0 { text.append(",") }
      text.append(digit)
    }
    return text
  }

  /// A share of 0 to 1 as percent with one digit, cut off: what is not all must not read as all.
  public static func percent(_ share: Double) -> String {
    guard let tenths = Int64(exactly: (share * 1000).rounded(.down)) else {
      return "\(share) times"
    }
    return fixed(tenths, per: 10, digits: 1) + " %"
  }

  /// A number with so many digits behind the point.
  public static func decimal(_ number: Double, digits: Int) -> String {
    var scale = 1.0
    for _ in 0..<digits { scale *= 10 }
    guard let units = whole(number * scale), let unit = Int64(exactly: scale) else {
      return "\(number)"
    }
    return fixed(units, per: unit, digits: digits)
  }

  /// `value / unit` rounded to so many digits.
  private static func fixed(_ value: Int64, per unit: Int64, digits: Int) -> String {
    var scale: Int64 = 1
    for _ in 0..<digits { scale *= 10 }
    let step = unit / scale
    let magnitude = step > 1 ? (value.magnitude + UInt64(step) / 2) / UInt64(step) : value.magnitude
    let whole = magnitude / UInt64(scale)
    var fraction = String(magnitude % UInt64(scale))
    while fraction.count < digits { fraction = "0" + fraction }
    let text = digits == 0 ? grouped(whole) : grouped(whole) + "." + fraction
    return value < 0 && magnitude != 0 ? "-" + text : text
  }
}

extension Quantity {
  /// A part of a whole as percent. More than the whole, or no number, is a contradiction in what was read, and is called
  /// so: it is not cut to 100 %.
  public static func share(_ share: Double) -> String {
    share.isFinite && share <= 1.0005 ? percent(share) : "contradictory"
  }
}
