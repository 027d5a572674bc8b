internal import GRDB
public import TraceModel

/// A thread of a scheduler trace that is used.
public struct TracedThreadRow: Sendable {
  /// Its number.
  public let id: Int64
  /// The trace.
  public let source: Int64
  /// The stretch of the trace.
  public let segment: Int32
  /// The machine.
  public let machine: Machine
  /// Thread id; 0 for the idle task of a CPU.
  public let tid: Int64
  /// Process id; nil where the trace does not say.
  public let process: Int64?
  /// Its name.
  public let name: String
  /// How long it ran, ns.
  public let run: Int64
  /// How long it waited for a CPU, ns.
  public let wait: Int64
  /// The kernel's own sum of that; nil where the trace does not have it.
  public let kernelWait: Int64?
}

/// What `ps` or QEMU said of a thread of a machine.
public struct ThreadFactRow: Sendable {
  /// The machine.
  public let machine: String
  /// The fact.
  public let fact: ThreadFact
  /// The file.
  public let path: String
}

extension IncidentFile {
  /// The threads of all scheduler traces that are used.
  public func tracedThreads() throws -> [TracedThreadRow] {
    try translating {
      try queue.read { db in
        // There may be half a million of them, of few names.
        let rows = try Row.fetchCursor(
          db,
          sql: """
            SELECT thread_id, source_id, segment, machine.name, machine.layer, tid, pid, comm, run_ns,
              wait_ns, kernel_wait_ns
            FROM sched_thread JOIN source_file USING (source_id) JOIN machine USING (machine_id)
            WHERE duplicate_of IS NULL ORDER BY thread_id
            """)
        var threads: [TracedThreadRow] = []
        var names: Set<String> = []
        func shared(_ name: String) -> String { names.insert(name).memberAfterInsert }
        while let row = try rows.next() {
          threads.append(
            try TracedThreadRow(
              id: row[0], source: row[1], segment: row[2],
              machine: Machine(
                name: shared(row[3]), layer: row.word(4)),
              tid: row[5], process: row[6], name: shared(row[7]), run: row[8], wait: row[9],
              kernelWait: row[10]))
        }
        return threads
      }
    }
  }

  /// Hands out the slices of a scheduler trace, but for their lines, in the order in which their stays ended: all, or at
  /// least those that have a part between two own times, ns.
  public func forEachSlice(
    of source: Int64, from: Int64 = .min, to: Int64 = .max, _ body: (ThreadSlice) throws -> Void
  ) throws {
    try translating {
      try queue.unsafeReentrantRead { db in
        var chunks = try SliceChunkReader(db, source: source, from: from, to: to)
        while try chunks.next() { try chunks.forEach(body) }
      }
    }
  }

  /// The same of the whole trace. Between them `limit` is told a moment before which none of those still to come has a
  /// part, own ns; nil when none is to come.
  public func forEachSlice(
    of source: Int64, _ body: (ThreadSlice) throws -> Void, limit: (Int64?) throws -> Void
  ) throws {
    try translating {
      try queue.read { db in
        var begins = try Int64.fetchAll(
          db,
          sql: """
            SELECT min(from_ns) OVER (ORDER BY chunk_id DESC) FROM thread_slice_chunk
            WHERE source_id = ? ORDER BY chunk_id DESC
            """, arguments: [source])
        var chunks = try SliceChunkReader(db, source: source)
        while try chunks.next() {
          try chunks.forEach(body)
          begins.removeLast()
          // A damaged file may hold any number.
          try limit(
            begins.last.map { min(max($0, Stamp.range.lowerBound), Stamp.range.upperBound) })
        }
      }
    }
  }

  /// The same of some threads from the last to the first; of their slices only the times of waits and runs are set. After
  /// each chunk `limit` gets a moment that no later call reaches past, own ns; nil after the last.
  public func forEachTimeBackwards(
    of source: Int64, threads isWanted: (Int64) -> Bool, _ body: (ThreadSlice) throws -> Void,
    limit: (Int64?) throws -> Void
  ) throws {
    try translating {
      try queue.read { db in
        var ends = try Int64.fetchAll(
          db,
          sql: """
            SELECT max(to_ns) OVER (ORDER BY chunk_id) FROM thread_slice_chunk
            WHERE source_id = ? ORDER BY chunk_id
            """, arguments: [source])
        var chunks = try SliceChunkReader(db, source: source, isBackwards: true)
        while try chunks.next() {
          try chunks.forEachTime(of: isWanted, body)
          ends.removeLast()
          // A damaged file may hold any number.
          try limit(ends.last.map { min(max($0, Stamp.range.lowerBound), Stamp.range.upperBound) })
        }
      }
    }
  }

  /// Hands out the stays on CPUs in a scheduler trace that are known whole, in the order in which they ended:
  /// the thread, begin and end; at least those that have a part between two own times, ns.
  public func forEachStay(
    of source: Int64, from: Int64, to: Int64, _ body: (Int64, Int64, Int64) -> Void
  ) throws {
    try translating {
      try queue.read { db in
        var chunks = try SliceChunkReader(db, source: source, from: from, to: to)
        while try chunks.next() { try chunks.forEachStay(body) }
      }
    }
  }

  /// What files said of threads.
  public func threadFacts() throws -> [ThreadFactRow] {
    try translating {
      try queue.read { db in
        try Row.fetchAll(
          db,
          sql: """
            SELECT machine.name AS machine, thread_role.*, path,
              (SELECT guest_machine.name FROM session_guest JOIN trace_session USING (trace_id)
               JOIN source_file AS guest_file ON guest_file.source_id = trace_session.source_id
               JOIN machine AS guest_machine ON guest_machine.machine_id = guest_file.machine_id
               WHERE session_guest.source_id = thread_role.source_id
                 AND session_guest.guest = thread_role.guest AND guest_machine.layer = 'guest'
               ORDER BY trace_session.source_id LIMIT 1) AS recorded_guest
            FROM thread_role JOIN source_file USING (source_id) JOIN machine USING (machine_id)
            ORDER BY source_id, line
            """
        ).map { row in
          var fact = try ThreadFact(tid: row["tid"], line: row["line"])
          fact.pid = try row["pid"]
          fact.parent = try row["ppid"]
          fact.comm = try row["comm"]
          fact.role = try row.wordIfAny("role")
          fact.vcpu = try row["vcpu"]
          // The guest's own recording is of the same session: what the guest is called here.
          let recorded: String? = try row["recorded_guest"]
          fact.guest = try recorded ?? row["guest"]
          return try ThreadFactRow(machine: row["machine"], fact: fact, path: row["path"])
        }
      }
    }
  }

  /// The guests of hypervisors' processes, as command lines of a machine name them.
  public func guestsByProcess(of machine: String) throws -> [Int64: String] {
    try translating {
      try queue.read { db in
        let rows = try Row.fetchAll(
          db,
          sql: """
            SELECT value, object FROM setting
            JOIN source_file USING (source_id) JOIN machine USING (machine_id)
            WHERE kind = 'qemu' AND setting.name = 'pid' AND object <> '' AND machine.name = ?
            ORDER BY source_id, line
            """, arguments: [machine])
        let pairs: [(Int64, String)] = try rows.compactMap { row in
          guard let process = Int64(try row[0] as String) else { return nil }
          return (process, try row[1])
        }
        return Dictionary(pairs) { first, _ in first }
      }
    }
  }

  /// The names of the guests, or of the hosts.
  public func machineNames(_ layer: Layer) throws -> [String] {
    try translating {
      try queue.read { db in
        try String.fetchAll(
          db, sql: "SELECT name FROM machine WHERE layer = ? ORDER BY name",
          arguments: [layer.rawValue])
      }
    }
  }
}

extension CorrelationWriter {
  /// Adds what is known of a thread.
  public func addOwner(
    thread: Int64, role: String, guest: String?, vcpu: Int64?, process: Int64?
  ) throws {
    try insert(
      into: "thread_owner",
      ["thread_id": thread, "role": role, "guest": guest, "vcpu": vcpu, "process": process])
  }

  /// Adds a part of a thread's waits, ns.
  public func addBlame(victim: Int64, culprit: Int64?, kind: String, wait: Int64) throws {
    try insert(
      into: "culprit_sum",
      ["victim_thread_id": victim, "culprit_thread_id": culprit, "class": kind, "wait_ns": wait])
  }
}
