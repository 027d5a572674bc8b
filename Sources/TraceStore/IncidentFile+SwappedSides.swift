/// A guest's disk and a host's device whose requests fit each other only the other way round, as correlation
/// found it. It is kept as numbers alone, since `redact` leaves those as they are.
public struct SwappedSidesRow: Sendable {
  /// A piece of the host's device and where it lies on the guest's disk.
  public struct Extent: Sendable {
    /// Its first sector on the host's device.
    public let low: Int64
    /// Its last one.
    public let high: Int64
    /// Sectors to add.
    public let delta: Int64

    /// A piece.
    public init(low: Int64, high: Int64, delta: Int64) {
      self.low = low
      self.high = high
      self.delta = delta
    }
  }

  /// The stretch of the guest's disk.
  public let guestStream: Int64
  /// The stretch of the host's device.
  public let hostStream: Int64
  /// To be added to a time of the host's trace to get one of the guest's, ns.
  public let offset: Int64
  /// By how many parts per billion the guest's clock runs faster.
  public let driftPPB: Int64
  /// The bound of both, ns.
  public let error: Int64
  /// The largest pieces.
  public let extents: [Extent]

  /// A row.
  public init(
    guestStream: Int64, hostStream: Int64, offset: Int64, driftPPB: Int64, error: Int64,
    extents: [Extent]
  ) {
    self.guestStream = guestStream
    self.hostStream = hostStream
    self.offset = offset
    self.driftPPB = driftPPB
    self.error = error
    self.extents = extents
  }

  /// The statement that returns the rows, as texts in the column `line`.
  public static let sql =
    "SELECT value AS line FROM incident_state WHERE key = \(SQLText.literal(CorrelationWriter.swappedKey))"

  /// Reads a row as it is kept; nil for what no correlation writes.
  public init?(_ line: Substring) {
    let words = line.split(separator: " ")
    let numbers = words.compactMap { Int64($0) }
    // Two streams, the clock's three numbers, then three per piece.
    guard numbers.count == words.count, numbers.count >= 8, (numbers.count - 5) % 3 == 0,
      numbers.allSatisfy({ $0.magnitude < 1 << 62 })
    else { return nil }
    self.init(
      guestStream: numbers[0], hostStream: numbers[1], offset: numbers[2], driftPPB: numbers[3],
      error: numbers[4],
      extents: stride(from: 5, to: numbers.count, by: 3).map {
        Extent(low: numbers[$0], high: numbers[$0 + 1], delta: numbers[$0 + 2])
      })
  }

  /// As it is kept.
  var line: String {
    ([guestStream, hostStream, offset, driftPPB, error]
      + extents.flatMap { [$0.low, $0.high, $0.delta] }).map { "\($0)" }.joined(separator: " ")
  }
}

extension CorrelationWriter {
  /// Where the rows are kept.
  static let swappedKey = "swapped"

  /// Keeps a pair of streams whose requests fit each other only the other way round.
  public func add(_ row: SwappedSidesRow) throws { try keepSwapped(row.line) }
}
