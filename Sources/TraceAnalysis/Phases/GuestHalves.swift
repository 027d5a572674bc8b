internal import TraceCorrelation
internal import TraceModel
internal import TraceStore

/// The halves of the virtio queue of guests whose threads a host's scheduler trace shows, while it is read: one reading for
/// all that is asked of them.
struct GuestHalves {
  private let guests: [HalfParts]
  private let places: ThreadPlaces
  /// By the thread's place: whose it is.
  private let owners: [Int]

  /// Of guests with joined disks, by their names; a disk is known by its place among those of the context.
  init(
    of wanted: some Sequence<String>, _ context: CorrelationContext, _ trace: ThreadFindings.Trace
  ) throws {
    let machines = Dictionary(
      uniqueKeysWithValues: context.streams.map { ($0.stream, $0.machine.name) })
    let owners = context.threads.owners
    var guests: [HalfParts] = []
    for guest in Set(wanted).sorted() {
      guard let threads = GuestThreads(of: guest, trace, owners) else { continue }
      let names = context.halfPartNames(of: guest)
      let parts = HalfParts(
        of: guest, threads.numbers, known: threads.span, threads.clock, error: threads.error, names
      ) { names.place(of: $0, guest, trace, owners) }
      for (place, disk) in context.disks.enumerated()
      where disk.verdict == .joined && machines[disk.disk] == guest {
        if let halves = try context.halves(of: place) {
          parts.add(disk.ios, disk: place, halves)
        }
      }
      if !parts.isEmpty { guests.append(parts) }
    }
    var numbers: [(thread: Int64, guest: Int)] = []
    for (place, parts) in guests.enumerated() {
      numbers += parts.victims.sorted().map { ($0, place) }
    }
    // A thread has one owner.
    places = ThreadPlaces(of: numbers.map(\.thread))
    self.owners = numbers.map(\.guest)
    self.guests = guests
  }

  /// Whether there is anything to share out.
  var isEmpty: Bool { guests.isEmpty }

  /// Reads the trace once, and shares out the halves with the body. `part` is called with each part of the waits of their
  /// guests' threads and of those besides, `slice` with each slice, of threads of the trace's first stretch.
  func read(
    _ file: IncidentFile, _ trace: ThreadFindings.Trace, besides others: Set<Int64> = [],
    part: @escaping (Culprits.Part) -> Void = { _ in },
    slice visit: (ThreadSlice) -> Void = { _ in }, _ body: HalfParts.Body
  ) throws {
    let later = Set(trace.threads.values.lazy.filter { $0.segment != 0 }.map(\.id))
    let victims = others.union(places.threads)
    let waiting = ThreadPlaces(of: victims)
    var culprits = Culprits(
      threads: trace.threads.keys,
      idle: Set(trace.threads.values.lazy.filter { $0.tid == 0 }.map(\.id)),
      watches: [
        Culprits.Watch(victims) {
          part($0)
          add($0)
        }
      ])
    try file.forEachSlice(of: trace.source) { slice in
      guard later.isEmpty || !later.contains(slice.thread) else { return }
      // Only the waits of the guests' own threads count.
      culprits.add(waiting.contains(slice.thread) ? slice : slice.withoutWait, segment: 0)
      visit(slice)
      addStay(slice)
    } limit: { limit in
      if let limit { flush(before: min(limit, culprits.resolvedUntil), body) }
    }
    culprits.finish()
    flush(before: nil, body)
  }

  private func add(_ part: Culprits.Part) {
    guard let place = places.known(part.pair.victim) else { return }
    guests[owners[place]].add(part)
  }

  private func addStay(_ slice: ThreadSlice) {
    guard slice.run != .min, slice.run > 0, let place = places.known(slice.thread) else { return }
    guests[owners[place]].addStay(
      slice.thread, Span(from: slice.began, to: slice.began + slice.run), left: slice.left)
  }

  /// Lays all that lies before a moment of the trace over the I/Os; nil for all that is left.
  private func flush(before moment: Int64?, _ body: HalfParts.Body) {
    for guest in guests { guest.flush(before: moment, body) }
  }
}
