internal import Glibc

/// Probabilities of the normal distribution and of Student's.
enum Distributions {
  /// The probability of at most `z` standard deviations.
  static func normal(below z: Double) -> Double { 0.5 * erfc(-z / 2.0.squareRoot()) }

  /// The probability of at most `t` under Student's distribution.
  static func student(below t: Double, degrees: Double) -> Double {
    guard t.isFinite else { return t < 0 ? 0 : 1 }
    let tail = 0.5 * incompleteBeta(degrees / (degrees + t * t), degrees / 2, 0.5)
    return t < 0 ? tail : 1 - tail
  }

  /// The `t` that is not exceeded with probability `p`, of 0.5 to 1.
  static func studentQuantile(_ p: Double, degrees: Double) -> Double {
    var (low, high) = (0.0, 1.0)
    while student(below: high, degrees: degrees) < p, high < 1e12 { high *= 2 }
    for _ in 0..<80 {
      let middle = (low + high) / 2
      if student(below: middle, degrees: degrees) < p { low = middle } else { high = middle }
    }
    return (low + high) / 2
  }

  /// The regularised incomplete beta function, by Lentz's continued fraction.
  private static func incompleteBeta(_ x: Double, _ a: Double, _ b: Double) -> Double {
    guard x > 0 else { return 0 }
    guard x < 1 else { return 1 }
    // The fraction converges fast on one side of the mean only.
    return x <= (a + 1) / (a + b + 2) ? betaFraction(x, a, b) : 1 - betaFraction(1 - x, b, a)
  }

  private static func betaFraction(_ x: Double, _ a: Double, _ b: Double) -> Double {
    let front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x)) / a
    func nonzero(_ value: Double) -> Double { abs(value) < 1e-300 ? 1e-300 : value }
    var (c, d) = (1.0, 1 / nonzero(1 - (a + b) * x / (a + 1)))
    var fraction = d
    for step in 1...500 {
      let m = Double(step)
      let even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
      d = 1 / nonzero(1 + even * d)
      c = nonzero(1 + even / c)
      fraction *= d * c
      let odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
      d = 1 / nonzero(1 + odd * d)
      c = nonzero(1 + odd / c)
      fraction *= d * c
      if abs(d * c - 1) < 1e-14 { break }
    }
    return front * fraction
  }
}

/// Holm's correction: of many lines that are looked at together.
enum Holm {
  /// The adjusted p of each, in the given order: at most `alpha` of them keeps the chance of any false
  /// claim in the family at `alpha`.
  static func adjusted(_ values: [Double]) -> [Double] {
    let order = values.indices.sorted { values[$0] < values[$1] }
    var result = values
    var greatest = 0.0
    for (rank, index) in order.enumerated() {
      greatest = max(greatest, min(1, values[index] * Double(values.count - rank)))
      result[index] = greatest
    }
    return result
  }
}
