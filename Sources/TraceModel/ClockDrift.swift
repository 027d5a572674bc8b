/// How two clocks that run at different speeds move apart: reference = own + offset + drift * 1e-6 * own. Who needs whole
/// nanoseconds rounds for himself.
public enum ClockDrift {
  /// What the faster clock gains over a time of the other, ns.
  public static func gain(_ partsPerMillion: Double, over time: Double) -> Double {
    partsPerMillion * 1e-6 * time
  }

  /// The same over whole nanoseconds.
  public static func gain(_ partsPerMillion: Double, over time: Int64) -> Double {
    gain(partsPerMillion, over: Double(time))
  }

  /// The same relation read the other way: own = reference + offset + drift * 1e-6 * reference.
  public static func inverse(offset: Double, drift: Double) -> (offset: Double, drift: Double) {
    let slope = 1 + gain(drift, over: 1.0)
    return (-offset / slope, (1 / slope - 1) * 1e6)
  }

  /// A moment of the own clock on the reference timeline, ns, as an expression of SQL.
  public static func reference(_ own: String, offset: String, drift: String) -> String {
    "\(own) + \(offset) + \(drift) * 1e-6 * \(own)"
  }
}
