import Foundation
import TestSupport
import Testing

/// Episodes written into the columns of a real file of esxtop: its header and the form of its values are real, what VMs do
/// in which rows is made up.
struct EsxSibling {
  /// What is otherwise in some rows.
  struct Change {
    /// Rows of the file, the first of which has the number 1.
    let rows: ClosedRange<Int>
    /// Values by the columns' names without the host: `Vcpu(*:hermes)\% Ready`, with a star for anything.
    let values: [(column: String, value: Double)]
  }

  let changes: [Change]
  var rows = 60
  var period = 5
  var seed: UInt64 = 1

  static let start = 1_796_000_000
  /// The world that leads each VM's others, by the names in the file.
  static let leaders = [
    "styx": 444_768, "portunus": 444_903, "hermes": 444_916, "ananke": 445_052, "ouranos": 473_729,
    "poseidon": 480_214,
  ]
  private static let ssd =
    "t10.ATA_____DREVO_X1_SSD____________________________TW1770103538________"

  /// What a VM's virtual CPUs waited for: others, each other, and a limit, %; what the VM used, % of a CPU.
  static func cpus(
    _ vm: String, _ rows: ClosedRange<Int>, ready: Double, costop: Double = 0, limited: Double = 0,
    used: Double
  ) -> Change {
    Change(
      rows: rows,
      values: [
        ("Vcpu(*:vmx-vcpu-*:\(vm))\\% Ready", ready + limited),
        ("Vcpu(*:vmx-vcpu-*:\(vm))\\% CoStop", costop),
        ("Vcpu(*:vmx-vcpu-*:\(vm))\\% Max Limited", limited),
        ("Vcpu(*:vmx-vcpu-*:\(vm))\\% Used", used), ("Vcpu(*:vmx-vcpu-*:\(vm))\\% Run", used),
        ("Group Cpu(*:\(vm))\\% Used", used), ("Group Cpu(*:\(vm))\\% Ready", ready + limited),
      ])
  }

  /// Commands of a VM to the disk that all share, and how long they took, ms: by the device, in ESXi, of that in its queue.
  static func disk(
    _ vm: String, _ rows: ClosedRange<Int>, rate: Double, device: Double, kernel: Double = 0.1,
    queue: Double = 0
  ) -> Change {
    let user = "Physical Disk Per-Device-Per-World(\(ssd)-\(leaders[vm] ?? 0))"
    let times = [
      ("Driver", device), ("Kernel", kernel), ("Queue", queue), ("Guest", device + kernel),
    ]
    return Change(
      rows: rows,
      values: [
        ("\(user)\\Commands/sec", rate), ("\(user)\\Writes/sec", rate), ("\(user)\\Reads/sec", 0),
        ("Virtual Disk(\(vm):scsi0:0)\\Commands/sec", rate),
        ("Virtual Disk(\(vm):scsi0:0)\\Writes/sec", rate),
        ("Virtual Disk(\(vm):scsi0:0)\\Average MilliSec/Write", device + kernel + 0.2),
      ] + times.map { ("\(user)\\Average \($0) MilliSec/Command", $1) })
  }

  /// What the shared disk says of all commands to it.
  static func sharedDisk(
    _ rows: ClosedRange<Int>, rate: Double, device: Double, kernel: Double = 0.1, queue: Double = 0
  ) -> Change {
    let disk = "Physical Disk SCSI Device(\(ssd))"
    return Change(
      rows: rows,
      values: [("\(disk)\\Commands/sec", rate)]
        + [
          ("Driver", device), ("Kernel", kernel), ("Queue", queue), ("Guest", device + kernel),
        ].map { ("\(disk)\\Average \($0) MilliSec/Command", $1) })
  }

  /// Memory of a VM that ESXi reads back.
  static func swap(_ vm: String, _ rows: ClosedRange<Int>, read: Double, wait: Double) -> Change {
    Change(
      rows: rows,
      values: [
        ("Vcpu(*:vmx-vcpu-*:\(vm))\\% Swap Wait", wait),
        ("Group Memory(*:\(vm))\\Swap Read MBytes/sec", read),
      ])
  }

  /// Packets for a VM that its port dropped.
  static func drops(_ vm: String, _ rows: ClosedRange<Int>, share: Double) -> Change {
    Change(rows: rows, values: [("Network Port(*:\(vm))\\% Received Packets Dropped", share)])
  }

  /// The cells of a header that rules or phases look at: those of helpers and of single paths are left out.
  private static func isKept(_ name: String) -> Bool {
    if name.contains("\\Vcpu(") {
      return ["vmx-vcpu-", "NetWorld", "vmast", "PVSCSI", "LSI"].contains {
        name.contains(":\($0)")
      }
    }
    return !["Partition(", "Path(", "Interrupt", "Power", "Numa Node"].contains {
      name.contains($0)
    }
  }

  /// Whether a name without its host is as a pattern says, in which a star stands for anything.
  private static func matches(_ name: Substring, _ parts: [Substring]) -> Bool {
    guard let first = parts.first, let last = parts.last, name.hasPrefix(first) else {
      return false
    }
    var rest = name.dropFirst(first.count)
    for part in parts.dropFirst().dropLast() {
      guard let range = rest.range(of: part) else { return false }
      rest = rest[range.upperBound...]
    }
    return parts.count == 1 ? rest.isEmpty : rest.hasSuffix(last)
  }

  /// The file's text.
  func text() throws -> String {
    let (header, values) = try EsxtopFilesTests.table("01-esxtopd-full-a.csv")
    let kept = header.indices.dropFirst().filter { Self.isKept(header[$0]) }
    let names = kept.map { header[$0].drop { $0 == "\\" }.drop { $0 != "\\" }.dropFirst() }
    var columns = kept.map { [Double?](repeating: Double(values[1][$0]), count: rows) }
    for change in changes {
      for (pattern, value) in change.values {
        let parts = pattern.split(separator: "*", omittingEmptySubsequences: false)
        let own = names.indices.filter { Self.matches(names[$0], parts) }
        try #require(!own.isEmpty, "no column is as \(pattern)")
        for place in own {
          for row in change.rows { columns[place][row - 1] = value }
        }
      }
    }
    var random = Jitter(state: seed)
    var text =
      ([header[0]] + kept.map { header[$0] }).map { "\"\($0)\"" }.joined(separator: ",") + "\n"
    let form = DateFormatter()
    form.dateFormat = "MM/dd/yyyy HH:mm:ss"
    form.timeZone = TimeZone(identifier: "UTC")
    for row in 0..<rows {
      let date = Date(timeIntervalSince1970: Double(Self.start + row * period))
      text += "\"\(form.string(from: date))\""
      for column in columns {
        guard let value = column[row] else {
          text += ",\"\""
          continue
        }
        // Nothing is ever quite as it was; levels and what is 0 are.
        let own = value < 1000 && value != value.rounded() ? value * random.next() : value
        text += ",\"\(String(format: "%.2f", own))\""
      }
      text += "\n"
    }
    return text
  }
}

/// Factors of about 1, the same for the same seed.
private struct Jitter {
  var state: UInt64

  mutating func next() -> Double {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return 0.9 + 0.2 * Double(state >> 40) / Double(1 << 24)
  }
}
