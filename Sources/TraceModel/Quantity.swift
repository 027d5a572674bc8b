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

    /// The same with three significant digits, for a sentence; of very large times with all.
    public func brief(_ nanoseconds: Int64) -> String {
      let value = Double(nanoseconds) / (self == .microseconds ? 1e3 : 1e6)
      let digits = abs(value) < 9.995 ? 2 : abs(value) < 99.95 ? 1 : 0
      return Quantity.decimal(value, digits: nanoseconds == 0 ? 0 : digits)
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

  /// A time in a sentence: three significant digits, `35.5 ms`.
  public static func brief(_ nanoseconds: Int64) -> String {
    let units: [(size: Double, symbol: String)] = [(1e9, "s"), (1e6, "ms"), (1e3, "us")]
    let time = Double(nanoseconds)
    // 999.7 us are 1.00 ms.
    guard let unit = units.first(where: { abs(time) >= 0.9995 * $0.size }) else {
      return "\(nanoseconds) ns"
    }
    let value = time / unit.size
    return
      "\(decimal(value, digits: abs(value) < 9.995 ? 2 : abs(value) < 99.95 ? 1 : 0)) \(unit.symbol)"
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

  /// How many of what: `1 line`, `2 lines`, `1,024 I/Os`.
  public static func count(_ number: Int64, _ one: String) -> String {
    "\(count(number)) \(one)\(number == 1 ? "" : "s")"
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

  /// A share of 0 to 1 as percent with one digit, rounded like all numbers; but what is not all must not read as all.
  public static func percent(_ share: Double) -> String {
    guard let tenths = Int64(exactly: (share * 1000).rounded()) else { return "\(share) times" }
    return fixed(tenths == 1000 && share < 1 ? 999 : tenths, per: 10, digits: 1) + " %"
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

extension Quantity {
  /// `1 I/O`, `2,034 I/Os`.
  public static func ios(_ number: Int) -> String {
    number == 1 ? "1 I/O" : "\(count(Int64(number))) I/Os"
  }
}

extension Quantity {
  /// Parts of a whole as percents with one digit that add up to 100.0: each is cut, and the tenths that are left go to those
  /// that lost most. Nil where a part is below nothing, so that another may be more than all.
  public static func shares(_ parts: [Double]) -> [String]? {
    let whole = parts.reduce(0, +)
    guard whole.isFinite, whole != 0 else { return nil }
    let exact = parts.map { 1000 * $0 / whole }
    guard exact.allSatisfy({ (0...1000).contains($0) }) else { return nil }
    var tenths = exact.map { Int64($0) }
    let order = exact.indices.sorted {
      let (left, right) = (exact[$0] - Double(tenths[$0]), exact[$1] - Double(tenths[$1]))
      return left != right ? left > right : $0 < $1
    }
    for place in order.prefix(Int(1000 - tenths.reduce(0, +))) { tenths[place] += 1 }
    return tenths.map { fixed($0, per: 10, digits: 1) + " %" }
  }
}
