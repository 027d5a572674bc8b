internal import TraceModel
public import TraceStore

extension Finding.Code {
  /// The slow I/Os have something in common.
  static let tailShares = Finding.Code("TAIL_SHARES")
}

/// What the slow I/Os of a disk have in common that the others have less often.
struct TailShares: Rule {
  let code = Finding.Code.tailShares
  let topic = Topic.tail
  let about = Subject.tail
  private let excess = Threshold(
    "tail-shares", 20, "%",
    "how much larger the part of the slow I/Os with a trait is than that of the others, from which on it is "
      + "reported")
  var thresholds: [Threshold] { [excess] }

  func inputs(of _: Finding) -> Set<Evidence.Kind> { [.guestBlocks] }

  func findings(_ evidence: Evidence) throws -> [Finding] {
    try evidence.rows(Self.sql("place = 1")).compactMap { row in
      guard let guest = row.text("guest"), let device = row.text("device"),
        let line = CommonTrait(row), let from = row.integer("slow_from_ns"),
        line.slowShare - line.restShare >= evidence.value(of: excess) / 100
      else { return nil }
      return Finding(
        code, .info, guest: guest,
        sentence: Printable.text(
          "\(device): of the \(Quantity.count(line.slowIOs)) slowest I/Os (\(Quantity.time(from)) or more from Q "
            + "to C) \(line.words)."),
        confidence: .medium,
        because:
          "Chance is taken from the I/Os themselves, with their bursts, over all traits that were looked at. It is an "
          + "association: the trait may itself follow from the cause.",
        evidenceSQL: Self.sql(
          "guest = \(Evidence.literal(guest)) AND device = \(Evidence.literal(device))"),
        nextStep:
          "See all that they share ('hiddenq explain INCIDENT --slow'), and compare the hops of I/Os with and without "
          + "the trait.")
    }
  }

  private static func sql(_ condition: String) -> String {
    """
    SELECT guest, device, place, trait, value, slow_from_ns, slow_ios, slow_share, rest_ios, rest_share, low_times,
      high_times
    FROM common_trait WHERE \(condition) ORDER BY guest, device, place
    """
  }
}

/// A row of the view `common_trait`.
public struct CommonTrait: Sendable {
  /// In which respect the I/Os are alike, and how.
  public let trait: String
  /// A name, or `64 KiB`.
  public let value: String
  /// Slow I/Os that were looked at.
  public let slowIOs: Int64
  /// The parts of the slow I/Os and of the others that have it.
  public let slowShare: Double
  /// The same of the others.
  public let restShare: Double
  /// How many times as often the slow ones have it, at least and at the most.
  public let times: ClosedRange<Double>

  /// Nil for a row with other columns.
  init?(_ row: QueryRow) {
    guard let trait = row.text("trait"), let value = row.text("value"),
      let ios = row.integer("slow_ios"), let slow = row.number("slow_share"),
      let rest = row.number("rest_share"), let low = row.number("low_times"),
      let high = row.number("high_times"), low <= high
    else { return nil }
    (self.trait, self.value, slowIOs) = (trait, value, ios)
    (slowShare, restShare, times) = (slow, rest, low...high)
  }

  /// `24 % are of the process jbd2/vda1-8, of the others 16 % (1.2 to 1.9 times as often)`.
  public var words: String {
    "\(Quantity.share(slowShare)) \(phrase), of the others \(Quantity.share(restShare)) "
      + "(\(Quantity.decimal(times.lowerBound, digits: 1)) to \(Quantity.decimal(times.upperBound, digits: 1)) "
      + "times as often)"
  }

  private var phrase: String {
    switch TailTrait.Kind(rawValue: trait) {
    case .process: "are of the process \(value)"
    case .operation: "are \(value)s"
    case .flag, .order: "are \(value)"
    case .size: "have \(value)"
    case .region: "lie on the \(value)"
    case .issuedOn: "were issued by \(value)"
    case .completedOn: "were completed on \(value)"
    case .hostThread: "were queued by the host's thread \(value)"
    case .underWay: "met \(value)"
    case nil: "share \(trait) \(value)"
    }
  }
}

extension IncidentFile {
  /// What the slow I/Os of each disk share, in the order of the view `common_trait`; of a guest or a disk where one is given.
  public func commonTraits(
    guest: String?, device: String?
  ) throws -> [(guest: String, device: String, slowFrom: Int64, traits: [CommonTrait])] {
    var found: [(guest: String, device: String, slowFrom: Int64, traits: [CommonTrait])] = []
    let rows = try rows("SELECT * FROM common_trait ORDER BY guest, device, place")
    for row in rows {
      guard let owner = row.text("guest"), let disk = row.text("device"),
        let from = row.integer("slow_from_ns"), let trait = CommonTrait(row),
        guest == nil || guest == owner, device == nil || device == disk
      else { continue }
      if found.last?.guest != owner || found.last?.device != disk {
        found.append((owner, disk, from, []))
      }
      found[found.count - 1].traits.append(trait)
    }
    return found
  }
}
