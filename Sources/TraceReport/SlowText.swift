internal import TraceAnalysis
internal import TraceModel
public import TraceStore

/// What the slow I/Os of each disk share, for a terminal: a heading and at most five lines per disk.
public enum SlowText {
  /// Of a correlated incident; of a guest or a disk where one is given. `selected` says which I/Os count instead of the
  /// slowest, `that began from 8 s to 9 s`. Throws ``StoreError`` for a damaged file.
  public static func render(
    _ file: IncidentFile, guest: String?, device: String?, selected: String? = nil
  ) throws -> String {
    let disks = try file.commonTraits(guest: guest, device: device)
    guard !disks.isEmpty else {
      if let selected {
        return
          "The I/Os \(selected) have nothing in common beyond chance against the others of their disk, or they "
          + "are fewer than 50 or more than half.\n"
      }
      return
        "The slowest I/Os have nothing in common beyond chance, or there are too few of them.\n"
    }
    var lines: [String] = []
    for disk in disks {
      let count = disk.traits.first?.slowIOs ?? 0
      lines.append(
        Printable.text(
          "\(disk.guest) \(disk.device): the \(Quantity.count(count)) "
            + (selected.map { "I/Os \($0)" }
              ?? "slowest I/Os (\(Quantity.time(disk.slowFrom)) or more from Q to C)")))
      for (place, trait) in disk.traits.enumerated() {
        let rest = place == 0 ? "" : "\(Self.rest(trait)): "
        lines.append(Printable.text("  \(place + 1). \(rest)\(trait.words)"))
      }
    }
    return lines.joined(separator: "\n") + "\n"
  }

  /// A trait in a sentence: `of the 100 slowest I/Os (5.603 ms or more) 34.0 % are FUA, ...`.
  static func line(_ trait: CommonTrait, _ place: Int, from: Int64) -> String {
    let whose =
      place == 0
      ? "of the \(Quantity.count(trait.slowIOs)) slowest I/Os (\(Quantity.time(from)) or more from Q to C)"
      : rest(trait)
    return "\(whose) \(trait.words)"
  }

  /// Each further trait is sought among those that have none of the ones before.
  private static func rest(_ trait: CommonTrait) -> String {
    "of the other \(Quantity.count(trait.slowIOs))"
  }
}
