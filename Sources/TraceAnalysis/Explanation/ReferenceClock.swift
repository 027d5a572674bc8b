internal import TraceStore

/// The reference timeline, and what the files say of its date.
struct ReferenceClock {
  /// The machine and tool whose clock it is: `kvm7 blktrace`; nil where nothing ties clocks together.
  let name: String?
  /// Nil where no file tells.
  let wall: WallClock?

  init(_ file: IncidentFile) throws {
    name = try file.rows("SELECT reference FROM clock LIMIT 1").first?.text("reference")
    wall = try name.flatMap { try file.wallClock(of: $0) }
  }

  /// The wall clock of a guest's own trace; nil where its files do not tell.
  static func own(_ guest: String, _ file: IncidentFile) throws -> WallClock? {
    try file.timelines(of: guest).first?.wall
  }
}
