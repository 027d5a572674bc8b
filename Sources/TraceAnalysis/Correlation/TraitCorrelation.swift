internal import TraceCorrelation
internal import TraceModel
internal import TraceStore

/// What the slow I/Os of a guest's disk have in common.
struct TraitCorrelation: CorrelationPass {
  static let fills = ["tail_trait"]

  private struct Disk {
    let guest: String
    let device: String
    let traits: TailTraits
    let found: [TraitSearch.Found]
  }

  /// The busiest disks, as many as a report draws.
  private static let mostDisks = 8

  private var disks: [Disk] = []
  private var names = Names()

  init(_ context: CorrelationContext) throws {
    let streams = Dictionary(uniqueKeysWithValues: context.streams.map { ($0.stream, $0) })
    for (task, _, name) in try context.tasks() { names.add(task, name) }
    var places: [[Int]] = []
    var numbers: [String: Int] = [:]
    for (place, guest) in context.guests.enumerated() {
      let key = guest.machine + "\u{0}" + (streams[guest.stream]?.device ?? "")
      if let number = numbers[key] {
        places[number].append(place)
      } else {
        numbers[key] = places.count
        places.append([place])
      }
    }
    func weight(_ own: [Int]) -> Int { own.reduce(0) { $0 + context.disks[$1].ios.count } }
    let busiest = places.sorted { (-weight($0), $0[0]) < (-weight($1), $1[0]) }
    for own in busiest.prefix(Self.mostDisks) {
      guard let first = own.first, let stream = streams[context.guests[first].stream],
        let traits = traits(own, context)
      else { continue }
      let found = traits.shared()
      if !found.isEmpty {
        disks.append(
          Disk(guest: stream.machine.name, device: stream.device, traits: traits, found: found))
      }
    }
  }

  /// The I/Os of the stretches of a disk, each at its Q on the reference timeline, or on the guest's clock where nothing
  /// ties it to a host.
  private func traits(_ places: [Int], _ context: CorrelationContext) -> TailTraits? {
    let isOnReference = places.contains {
      context.disks[$0].ios.contains(where: \.reference.isSeen)
    }
    let threads = RequestTasks(context.hosts.map(\.rows))
    // Of very many only some runs, so that what follows what is still seen.
    let all = places.reduce(0) { $0 + context.disks[$1].ios.count }
    let step = (all + TailTraits.mostIOs - 1) / TailTraits.mostIOs
    var ios: [TailTraits.IO] = []
    var underWay: [Int64: [Span]] = [:]
    for place in places {
      let (disk, rows) = (context.disks[place], context.guests[place].rows)
      var serving = Set<Int32>()
      var row = 0
      for (index, io) in disk.ios.enumerated() where io.isLeading {
        guard let queued = (isOnReference ? io.reference : io.queued).nanoseconds,
          let time = io.times[.block].nanoseconds
        else { continue }
        let span = Span(from: queued, to: Stamp.sum(queued, time))
        guard io.operation != .flush else {
          underWay[TailTrait.flush, default: []].append(span)
          continue
        }
        guard step <= 1 || (index / TailTraits.run).isMultiple(of: step) else { continue }
        while row < rows.count, rows.id(at: row) < io.request { row += 1 }
        guard row < rows.count, rows.id(at: row) == io.request else { continue }
        let request = rows[row]
        if names.isJournal(request.task) { underWay[TailTrait.journal, default: []].append(span) }
        let thread = io.hostRequest.flatMap { threads.task(of: $0) }
        if let thread { serving.insert(thread) }
        ios.append(
          TailTraits.IO(
            queued: queued, time: time, sector: io.sector,
            sectors: io.sectors, rwbs: io.rwbs, operation: io.operation,
            issuedOn: request.issuedCPU, completedOn: request.completedCPU,
            process: names.number(request.task), hostThread: thread.map { names.number($0) } ?? -1))
      }
      underWay[TailTrait.neighbour, default: []] += Self.neighbours(
        of: disk, serving: serving, context, isOnReference: isOnReference)
    }
    return TailTraits(
      ios, underWay: underWay.filter { !$0.value.isEmpty }, context.slowSelection)
  }

  /// When threads that carried none of the disk's I/Os had requests on its device.
  private static func neighbours(
    of disk: DiskJoin, serving: Set<Int32>, _ context: CorrelationContext, isOnReference: Bool
  ) -> [Span] {
    guard isOnReference, disk.verdict == .joined,
      let host = context.hosts.first(where: { $0.stream == disk.device })
    else { return [] }
    return host.rows.lazy.filter { !serving.contains($0.task) }.compactMap { request in
      guard let from = (request.queued.isSeen ? request.queued : request.issued).nanoseconds,
        let to = request.completed.nanoseconds, from <= to
      else { return nil }
      return Span(from: from, to: to)
    }
  }

  func write(to writer: CorrelationWriter, _: CorrelationContext) throws {
    for disk in disks {
      for (place, found) in disk.found.enumerated() {
        let trait = disk.traits.traits[found.trait]
        let (name, value) = words(trait, disk.traits)
        try writer.add(
          to: "tail_trait",
          [
            "guest": .text(disk.guest), "device": .text(disk.device),
            "place": .integer(Int64(place + 1)), "trait": .text(trait.kind.rawValue),
            "name": StoredValue(name), "word": StoredValue(value),
            "slow_from_ns": .integer(disk.traits.slowFrom),
            "slow_ios": .integer(Int64(found.slow.all)),
            "slow_having": .integer(Int64(found.slow.having)),
            "rest_ios": .integer(Int64(found.rest.all)),
            "rest_having": .integer(Int64(found.rest.having)),
            "low_times": .real(found.times.low), "high_times": .real(found.times.high),
          ])
      }
    }
  }

  /// What a trait is called: by a name that somebody chose, or by a word of ours.
  private func words(_ trait: TailTrait, _ traits: TailTraits) -> (name: String?, word: String?) {
    switch trait.kind {
    case .process, .hostThread:
      return (names.text(Int32(clamping: trait.value)), nil)
    case .operation:
      let operation = BlockOperation(rawValue: Int(trait.value)) ?? .other
      return (nil, operation.name)
    case .flag: return (nil, TailTrait.flags[Int(trait.value)].word)
    case .size: return (nil, Self.size(trait.value))
    case .region:
      let region = traits.region(trait)
      return (nil, "sectors \(region.lowerBound) to \(region.upperBound)")
    case .order: return (nil, trait.value == 1 ? "sequential" : "not sequential")
    case .issuedOn, .completedOn: return (nil, "vCPU \(trait.value)")
    case .underWay:
      return switch trait.value {
      case TailTrait.flush: (nil, "a flush")
      case TailTrait.journal: (nil, "a journal commit")
      default: (nil, "a neighbour's request")
      }
    }
  }

  /// `64 KiB`, `512 B`.
  private static func size(_ sectors: Int64) -> String {
    let (bytes, isTooLong) = sectors.multipliedReportingOverflow(by: 512)
    guard !isTooLong else { return "\(sectors) sectors" }
    return bytes.isMultiple(of: 1024) ? "\(bytes / 1024) KiB" : "\(bytes) B"
  }
}

/// The names of the tasks of block traces, each once.
private struct Names {
  private var texts: [String] = []
  private var places: [String: Int32] = [:]
  private var tasks: [Int32: Int32] = [:]

  mutating func add(_ task: Int32, _ name: String) {
    let place = places[name] ?? Int32(texts.count)
    if Int(place) == texts.count {
      texts.append(name)
      places[name] = place
    }
    tasks[task] = place
  }

  /// The number of a task's name; -1 for an unknown task.
  func number(_ task: Int32) -> Int32 { tasks[task] ?? -1 }

  func text(_ number: Int32) -> String? {
    texts.indices.contains(Int(number)) ? texts[Int(number)] : nil
  }

  /// Whether a task writes a file system's journal (`jbd2/vda1-8`).
  func isJournal(_ task: Int32) -> Bool {
    text(number(task)).map { $0.hasPrefix("jbd2/") || $0.hasPrefix("xfsaild/") } ?? false
  }
}
