internal import TraceAnalysis
internal import TraceModel
internal import TraceStore

/// The stretches of time that a person named: by options, or in an incident.yaml.
enum NamedTimes {
  /// Those of options, by guest: of one, or of all. Empty where none was given.
  static func windows(
    symptom: String?, baseline: String?, of guest: String?, in file: IncidentFile
  ) throws -> [String: NamedWindows] {
    guard symptom != nil || baseline != nil else { return [:] }
    // A time that guests without a common clock would each read otherwise is refused.
    let times = try TimeReading(file, guest: guest)
    let windows = NamedWindows(
      symptom: try symptom.map { try times.window($0, of: "--symptom") },
      baseline: try baseline.map { try times.window($0, of: "--baseline") })
    if let own = windows.symptom, let other = windows.baseline, own.overlaps(other) {
      throw CommandFailure(message: "--symptom and --baseline overlap")
    }
    let guests = try guest.map { [$0] } ?? file.guestNames()
    return Dictionary(uniqueKeysWithValues: guests.map { ($0, windows) })
  }

  /// What reads that of an incident.yaml; nil where none names one.
  static func given(in file: IncidentFile) throws -> (() throws -> [String: NamedWindows])? {
    try file.givenSymptom() == nil ? nil : { try symptoms(in: file) }
  }

  /// That of an incident.yaml, by guest. One that the clocks of these files do not place is said to be so, and not used.
  static func symptoms(in file: IncidentFile) throws -> [String: NamedWindows] {
    guard let given = try file.givenSymptom() else { return [:] }
    var windows: [String: NamedWindows] = [:]
    for guest in try file.guestNames() {
      do {
        let window = try TimeReading(file, guest: guest).window(given.span, of: "symptom")
        windows[guest] = NamedWindows(symptom: window)
      } catch let failure as CommandFailure {
        Exit.complain("\(given.path):\(given.line): not used for \(guest): \(failure.message)")
      }
    }
    return windows
  }
}
