internal import TraceStore

/// The guests' disks of a side's recordings. Their I/Os are read more than once, and kept at no time.
struct DiskReading {
  private let recordings: [Recording]
  /// The traces of each disk, recording by recording.
  private var traces: [MachinePairing.Device: [(file: Int, trace: DiskTrace)]]

  init(_ recordings: [Recording]) throws {
    self.recordings = recordings
    var traces: [MachinePairing.Device: [(Int, DiskTrace)]] = [:]
    for (number, recording) in recordings.enumerated() {
      for trace in try recording.file.diskTraces(in: recording.window)
      where recording.isAbout(trace.guest) {
        let disk = MachinePairing.Device(machine: trace.guest, device: trace.device)
        traces[disk, default: []].append((number, trace))
      }
    }
    self.traces = traces
  }

  /// The disks that have I/Os.
  var disks: Set<MachinePairing.Device> { Set(traces.keys) }

  /// Whether the I/Os of a disk were joined with a host's in any of its traces.
  func isJoined(_ disk: MachinePairing.Device) -> Bool {
    traces[disk]?.contains(where: \.trace.isJoined) ?? false
  }

  /// Lets all I/Os of a disk count, matched or not.
  mutating func countAll(of disk: MachinePairing.Device) {
    guard var own = traces[disk] else { return }
    for place in own.indices { own[place].trace.countAll() }
    traces[disk] = own
  }

  /// What a first reading says of some disks.
  func surveys(of disks: [MachinePairing.Device]) throws -> [DiskSurvey] {
    var surveys = disks.map { disk in
      DiskSurvey(
        (traces[disk] ?? []).map {
          CellGrid.Stretch(run: $0.file, start: $0.trace.first, end: $0.trace.last)
        })
    }
    try forEachIO(of: disks) { surveys[$0].add($2, of: $1) }
    return surveys
  }

  /// Hands out the I/Os of some disks, each with the place of its disk among them, and that of its trace among
  /// the disk's.
  func forEachIO(
    of disks: [MachinePairing.Device], _ body: (_ disk: Int, _ trace: Int, DiskIO) -> Void
  ) throws {
    for (number, recording) in recordings.enumerated() {
      var places: [(disk: Int, trace: Int)] = []
      var own: [DiskTrace] = []
      for (disk, name) in disks.enumerated() {
        for (trace, one) in (traces[name] ?? []).enumerated() where one.file == number {
          places.append((disk, trace))
          own.append(one.trace)
        }
      }
      guard !own.isEmpty else { continue }
      try recording.file.forEachIO(of: own, in: recording.window) {
        body(places[$0].disk, places[$0].trace, $1)
      }
    }
  }
}
