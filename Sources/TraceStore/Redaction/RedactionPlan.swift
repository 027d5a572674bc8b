/// What becomes of every column of text in the copy of an incident that leaves the house. A test compares
/// it with the tables: a column without a decision, or a decision without a column, fails.
enum RedactionPlan {
  /// What is done with the values of a column.
  enum Treatment: Sendable, Hashable {
    /// Words of ours, of the kernel or of a tool: nobody chose them.
    case keep
    /// Names of people's things are replaced.
    case replace(RedactedKind)
    /// Text in which anything may stand and which no number rests on: taken out.
    case takeOut
    /// Taken out, and written anew by the rules out of what the copy then holds.
    case writeAnew
  }

  /// By table and column.
  static let treatments: [String: [String: Treatment]] = [
    "machine": ["name": .replace(.machines), "layer": .keep],
    "source_file": [
      "path": .replace(.files), "format": .keep, "tool_clock": .keep, "start_clock": .keep,
      // Who has the file can show that it is the one; nothing of it can be read from this.
      "sha256": .keep,
    ],
    "source_header": ["name": .replace(.settings), "value": .replace(.settings)],
    "source_problem": [
      "kind": .keep, "severity": .keep, "advice": .keep,
      // The beginning of any line of any file.
      "excerpt": .takeOut,
    ],
    "task": ["comm": .replace(.threads)],
    "block_stream": ["device": .replace(.devices)],
    "block_remap": ["from_device": .replace(.devices)],
    "block_stage": ["stage": .keep],
    "sched_thread": ["comm": .replace(.threads)],
    "kvm_exit_sum": ["reason": .keep],
    "qemu_stage_sum": ["op": .keep, "stage": .keep],
    "sched_latency_row": ["comm": .replace(.threads)],
    "counter_object": ["tool": .keep, "kind": .keep, "name": .replace(.devices)],
    // Names in tables of the kernel, of drivers and of tools.
    "counter": ["name": .keep, "unit": .keep, "nature": .keep],
    "node_topology": ["kind": .keep],
    "thread_role": [
      "comm": .replace(.threads), "role": .keep, "name": .replace(.threads),
      "guest": .replace(.machines),
    ],
    "disk_topology": [
      "name": .replace(.devices), "device": .replace(.devices), "parent": .replace(.devices),
      "type": .replace(.settings), "file": .replace(.files),
    ],
    "guest_drive": [
      "guest": .replace(.machines), "device": .replace(.devices), "node": .replace(.devices),
      "qdev": .replace(.devices), "driver": .replace(.settings), "file": .replace(.files),
    ],
    "given_extent": [
      "tool": .keep, "object": .replace(.files), "target": .replace(.files),
      "detail": .replace(.settings),
    ],
    "setting": [
      "kind": .keep, "object": .replace(.devices), "name": .replace(.settings),
      "value": .replace(.settings),
    ],
    "given_device": [
      "path": .replace(.files), "machine": .replace(.machines), "name": .replace(.devices),
      "device": .replace(.devices),
    ],
    "given_mapping": [
      "path": .replace(.files), "guest": .replace(.machines),
      "guest_device": .replace(.devices), "host": .replace(.machines),
      "host_device": .replace(.devices),
    ],
    "given_clock": [
      "path": .replace(.files), "machine": .replace(.machines), "tool_clock": .replace(.settings),
      "reference": .replace(.machines), "reference_tool_clock": .replace(.settings),
    ],
    "traced_inode": ["device": .replace(.devices), "backing_device": .replace(.devices)],
    "incident_state": ["key": .keep, "value": .keep],
    "clock_relation": ["method": .keep],
    "device_extent": ["origin": .keep],
    "machine_clock": ["method": .keep],
    "hop_quantile": ["op": .keep, "hop": .keep],
    "tail_share": ["op": .keep, "hop": .keep],
    "hop_without": ["op": .keep, "hop": .keep],
    "queue_interval": ["hop": .keep],
    "queue_limit": ["hop": .keep],
    "device_stall": ["hop": .keep],
    "device_neighbour": ["comm": .replace(.threads)],
    "join_summary": ["verdict": .keep],
    "thread_owner": ["role": .keep, "guest": .replace(.machines)],
    "culprit_sum": ["class": .keep],
    "guest_node": ["guest": .replace(.machines), "machine": .replace(.machines)],
    "net_point": [
      "machine": .replace(.machines), "guest": .replace(.machines), "guest_by": .keep,
      "point": .replace(.devices), "direction": .keep, "object": .replace(.devices),
      "counters": .keep,
    ],
    "steal_second": ["guest": .replace(.machines)],
    "steal_sum": ["guest": .replace(.machines)],
    "recorded_clock": ["origin": .keep, "path": .replace(.files)],
    "vcpu_check_sum": ["guest": .replace(.machines)],
    "finding_row": [
      "code": .writeAnew, "severity": .writeAnew, "guest": .writeAnew, "sentence": .writeAnew,
      "confidence": .writeAnew, "because": .writeAnew, "evidence_sql": .writeAnew,
      "next_step": .writeAnew,
    ],
  ]
}

/// What kind of thing a name is of, for people who look at what is replaced. It makes no difference to the
/// pseudonym: a guest and a file of one name stay of one name.
public enum RedactedKind: String, CaseIterable, Sendable {
  /// Guests and hosts.
  case machines = "machines"
  /// Threads and processes.
  case threads = "processes, threads"
  /// Disks, interfaces, queues and what else is counted.
  case devices = "devices, interfaces"
  /// Files, with their folders.
  case files = "files, folders"
  /// Values of settings, options and headers.
  case settings = "settings, headers"
}
