internal import TraceModel

/// Replies of QEMU's monitor (QMP) to `query-cpus-fast`, `query-iothreads`, `query-block`, `query-name`, `query-blockstats`
/// (``BlockStatistics``), and `qom-get` of
/// a throttle group's limits, in the shapes that people save them in: the reply, its array, an object command -> reply, an object
/// VM -> reply, and a session with one reply per line.
///
///     {"return": [{"thread-id": 25627, "props": {"core-id": 0, "thread-id": 0}, "cpu-index": 0}]}
///
/// The outer `thread-id` is the host's; the one in `props` is the guest's.
struct QEMUMonitor: TraceFormat {
  let name = "qmp"
  let producedBy = "virsh qemu-monitor-command VM '{\"execute\": \"query-cpus-fast\"}'"
  let clock = "none"
  let goodFor =
    "which threads of the host are a guest's vCPUs and iothreads, its disks, their limits and their load"

  let needs: String? =
    "no reply in it has a vCPU, an iothread, a disk or a limit; save those of query-cpus-fast, query-iothreads, "
    + "query-block and query-blockstats"

  func recognizes(_ head: Span<UInt8>) -> Recognition {
    guard beginsAsJSON(head) else { return .no }
    let keys: [StaticString] = [
      "\"thread-id\"", "\"thread_id\"", "\"query-", "\"QMP\"", "\"inserted\"", "\"io-status\"",
      "thread_id=", "\"iops-total\"", "\"bps-total\"", "\"rd_operations\"",
    ]
    for key in keys where head.find(key, from: 0, head.count) != nil { return .yes }
    return .no
  }

  func reader(into sink: any EventSink) -> FormatReader {
    .bytes(
      FactJSONReader(
        sink: sink, format: name,
        counters: { try BlockStatistics.take($0.json, guest: $0.guest, $1) }
      ) { values in
        var replies = MonitorReplies()
        for value in values { replies.visit(value.json, guest: value.guest) }
        return replies.named()
      })
  }
}

/// Finds the replies in a JSON text, however they are wrapped.
struct MonitorReplies {
  private var batch = TopologyBatch()
  private var guestName: String?
  /// Limits of block nodes by their names, which a disk may have said already.
  private var nodes: [(node: String, limits: [SettingFact])] = []
  /// What the command asked about whose reply is looked at: `/objects/limits0`.
  private var path: String?

  /// Looks at a value; `guest` is the key that names its VM.
  mutating func visit(_ value: JSONValue, guest: String?) {
    switch value {
    case .array(let elements):
      for element in elements { take(element, guest: guest) }
    case .object(let members, _):
      path = value["arguments"]?["path"]?.string ?? path
      if take(value, guest: guest) { return }
      for member in members {
        switch member.key {
        case "return", "execute", "arguments", "id", "error", "QMP", "timestamp", "event", "data":
          guard member.key == "return" else { break }
          if case .string(let text) = member.value {
            monitor(text, guest: guest, line: value.line ?? 1)
          } else {
            visit(member.value, guest: guest)
          }
        case "query-name":
          let reply = member.value["return"] ?? member.value
          guestName = reply["name"]?.string ?? guestName
        default:
          let isCommand = member.key.hasPrefix("query-") || member.key.hasPrefix("info ")
          visit(member.value, guest: isCommand ? guest : member.key)
        }
      }
    default: break
    }
  }

  /// What was found; a guest that only `query-name` names is filled in.
  func named() -> TopologyBatch {
    var named = batch
    let known = Set(batch.drives.compactMap(\.node))
    for (node, limits) in nodes where !known.contains(node) { named.settings += limits }
    guard let guestName else { return named }
    for index in named.threads.indices where named.threads[index].guest == nil {
      named.threads[index].guest = guestName
    }
    for index in named.drives.indices where named.drives[index].guest == nil {
      named.drives[index].guest = guestName
    }
    return named
  }

  /// What a command of the human monitor answered: `* CPU #0: thread_id=25627\r\n  CPU #1: ...`.
  private mutating func monitor(_ text: String, guest: String?, line: Int64) {
    for part in text.utf8.split(separator: 10) {
      let bytes = Array(part)
      guard let fact = ThreadLines.monitor(bytes.span, 0, bytes.count, line: line) else { continue }
      var thread = fact
      thread.guest = guest
      batch.threads.append(thread)
    }
  }

  /// An element of a reply; false when it is none.
  @discardableResult
  private mutating func take(_ value: JSONValue, guest: String?) -> Bool {
    if let tid = (value["thread-id"] ?? value["thread_id"])?.integer {
      var thread = ThreadFact(tid: tid, line: value.line ?? 1)
      thread.guest = guest
      if let index = (value["cpu-index"] ?? value["CPU"])?.integer {
        thread.role = .vcpu
        thread.vcpu = index
      } else if let id = value["id"]?.string {
        thread.role = .iothread
        thread.name = id
      } else {
        return false
      }
      batch.threads.append(thread)
      return true
    }
    // `{"iops-total": 200, "iops-total-max": 0, ...}`: what qom-get says of a throttle group.
    if value["iops-total"] != nil || value["bps-total"] != nil {
      batch.settings += IOLimits.facts(
        in: value, of: path.map(IOLimits.short) ?? "", line: value.line ?? 1)
      path = nil
      return true
    }
    guard value["device"] != nil, value["inserted"] != nil || value["removable"] != nil else {
      // query-named-block-nodes.
      if let node = value["node-name"]?.string, value["drv"] != nil {
        nodes.append((node, IOLimits.facts(in: value, of: node, line: value.line ?? 1)))
        return true
      }
      return false
    }
    var drive = DriveFact(line: value.line ?? 1)
    drive.guest = guest
    drive.device = value["device"]?.string
    drive.qdev = value["qdev"]?.string
    let medium = value["inserted"]
    drive.node = medium?["node-name"]?.string
    drive.driver = medium?["drv"]?.string
    drive.file = medium?["file"]?.string
    drive.bytes = medium?["image"]?["virtual-size"]?.integer
    if let medium {
      let labels = [drive.qdev.map(IOLimits.short), drive.node, drive.device]
      batch.settings += IOLimits.facts(
        in: medium, of: labels.compactMap(\.self).first { !$0.isEmpty } ?? "",
        line: medium.line ?? drive.line)
    }
    batch.drives.append(drive)
    return true
  }
}
