import TestSupport

extension TraceBytes {
  /// What all formats begin with, and fields in words: type, name, offset and size.
  private static func format(
    _ name: String, _ id: Int, _ fields: [(String, Int, Int)]
  ) -> String {
    let all =
      [("unsigned short common_type", 0, 2), ("int common_pid", 4, 4), ("dev_t dev", 8, 4)]
      + [("sector_t sector", 16, 8), ("unsigned int nr_sector", 24, 4)] + fields
    return "name: \(name)\nID: \(id)\nformat:\n"
      + all.map { "\tfield:\($0.0);\toffset:\($0.1);\tsize:\($0.2);\tsigned:0;\n" }.joined()
      + "\nprint fmt: \"%d\", REC->dev\n"
  }

  /// Those of a block layer without commands.
  static let blockFormats = [
    format("block_bio_queue", 500, [("char rwbs[8]", 28, 8), ("char comm[16]", 36, 16)]),
    format("block_getrq", 501, [("char rwbs[8]", 28, 8), ("char comm[16]", 36, 16)]),
    format(
      "block_rq_issue", 502,
      [("unsigned int bytes", 28, 4), ("char rwbs[8]", 32, 8), ("char comm[16]", 40, 16)]),
    format("block_rq_complete", 503, [("int error", 28, 4), ("char rwbs[8]", 32, 8)]),
  ]

  /// The fields of an event of a request.
  private func block(_ id: Int, _ request: HandMadePair.Request, device: Int) -> [UInt8] {
    let pid = id == 503 ? 0 : request.task.pid
    let head =
      make.u16(id) + [0, 0] + make.u32(pid) + make.u32(device) + make.u32(0)
      + make.u64(request.sector) + make.u32(request.sectors)
    let letters = make.text(request.isRead ? "R" : "W", 8)
    let task = make.text(request.task.comm, 16)
    return switch id {
    case 502: head + make.u32(512 * request.sectors) + letters + task
    case 503: head + make.u32(0) + letters
    default: head + letters + task
    }
  }

  /// Q, G, D and C of requests with their times in microseconds, in the order of time.
  func events(
    of requests: [HandMadePair.Request], device: Int
  ) -> [(time: Int, raw: [UInt8])] {
    requests.flatMap { request in
      [
        (request.queued, block(500, request, device: device)),
        (request.got, block(501, request, device: device)),
        (request.issued, block(502, request, device: device)),
        (request.completed, block(503, request, device: device)),
      ]
    }.sorted { $0.0 < $1.0 }.map { (time: $0.0, raw: $0.1) }
  }

  /// The pages of a CPU with these events, which are in the order of time.
  func pages(_ events: [(time: Int, raw: [UInt8])]) -> [UInt8] {
    var bytes: [UInt8] = []
    var items: [[UInt8]] = []
    var (first, last) = (0, 0)
    for (time, raw) in events {
      if items.joined().count + raw.count + 16 > pageSize - 8 - longSize {
        bytes += page(first, items)
        items = []
      }
      if items.isEmpty { (first, last) = (time, time) }
      if time - last >= 1 << 27 {
        items.append(extend(time - last))
        last = time
      }
      items.append(event(Event(delta: time - last, raw: raw)))
      last = time
    }
    return items.isEmpty ? bytes : bytes + page(first, items)
  }
}

/// Recordings of a guest and its host that trace-cmd made in one session, out of the requests of a pair. A cycle of the
/// processor is half a nanosecond.
struct RecordedPair {
  /// nil: no requests; events of the scheduler alone.
  var pair: HandMadePair?
  /// Cycles that the guest's counter is behind its host's.
  var behind = 4_000_000_000_000
  /// Cycles by which `TIME_SHIFT` is wrong.
  var wrong = 0
  /// The protocol `ptp`.
  var isMeasured = false
  /// What the host calls the guest.
  var name = "vm1"

  private static let (hostID, guestID) = (0x1111_2222_3333_4444, 0x5555_6666_7777_8888)
  /// Cycles at which both begin.
  private static let start = 6_000_000_000_000
  /// Of threads of the host: vCPUs 0 and 1.
  static let vcpus = [4711, 4712]

  private static func trace(_ options: [(Int, [UInt8])]) -> TraceBytes {
    var trace = TraceBytes()
    trace.clock = "x86-tsc"
    trace.pageSize = 4096
    trace.options = options
    trace.options.append((14, trace.make.u32(1 << 30) + trace.make.u32(31) + trace.make.u64(0)))
    return trace
  }

  /// Two threads in turn on a CPU.
  private static func turns(_ trace: TraceBytes, _ threads: [Int]) -> [(time: Int, raw: [UInt8])] {
    (0..<100).map { turn in
      let (one, other) = (threads[turn % 2], threads[(turn + 1) % 2])
      return (
        5_000 * turn + 333, trace.make.switched(("CPU \(turn % 2)/KVM", one), 1, ("CPU", other))
      )
    }
  }

  /// The host's file: threads of the guest's vCPUs, and requests.
  var host: [UInt8] {
    let make = PerfBytes()
    let guest =
      Array("\(name)\0".utf8) + make.u64(Self.guestID) + make.u32(2)
      + Self.vcpus.enumerated().flatMap { make.u32($0.offset) + make.u32($0.element) }
    let trace = Self.trace([(11, make.u64(Self.hostID)), (13, guest)])
    let events =
      pair.map { trace.events(of: $0.hostRequests, device: 259 << 20) }
      ?? Self.turns(trace, Self.vcpus)
    return trace.version7([
      ("", [trace.pages(events.map { (Self.start + 2_000 * $0.time, $0.raw) })])
    ])
  }

  /// The guest's file, with the relation of its clock to the host's.
  var guest: [UInt8] {
    let make = PerfBytes()
    // A sample at the begin and one behind the end, both of one relation.
    let relation =
      make.u32(2) + make.u64(Self.start - behind) + make.u64(2 * Self.start)
      + make.u64(behind + wrong) + make.u64(behind + wrong) + make.u64(1) + make.u64(1)
    let shift =
      make.u64(Self.hostID) + make.u32(isMeasured ? 1 : 0) + make.u32(1) + relation + make.u64(0)
      + make.u64(0)
    let trace = Self.trace([(11, make.u64(Self.guestID)), (12, shift)])
    let events =
      pair.map { trace.events(of: $0.guestRequests, device: 253 << 20) }
      ?? Self.turns(trace, [801, 802])
    // The host's trace begins with the first request that arrives there.
    let ahead = pair.map {
      ($0.ios.map(\.hostQueued).min() ?? 0) - ($0.ios.map(\.queued).min() ?? 0)
    }
    let zero = Self.start - behind - 2_000 * (ahead ?? 0)
    return trace.version7([("", [trace.pages(events.map { (zero + 2_000 * $0.time, $0.raw) })])])
  }
}
