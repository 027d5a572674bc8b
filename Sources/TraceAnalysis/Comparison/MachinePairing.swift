internal import TraceModel
internal import TraceStore

/// Which machine, and which device of it, of before is which of after.
///
/// The same name is the same machine. Where either side has but one guest, or but one host, it is the same under
/// another name; and so is the only disk of either side, and what lies below it.
struct MachinePairing {
  /// A device of a machine.
  struct Device: Hashable {
    let machine: String
    let device: String
  }

  private var machines: [String: String] = [:]
  private var devices: [Device: Device] = [:]
  /// What was taken for the same under two names, in words.
  private(set) var sentences: [String] = []

  /// Every name is what it says.
  init() {}

  /// The machines of both sides.
  init(_ before: [Recording], _ after: [Recording]) throws {
    let (first, second) = (
      try before.flatMap { try $0.file.sources() }, try after.flatMap { try $0.file.sources() }
    )
    for layer in [Layer.guest, .host] {
      let old = Set(first.filter { $0.layer == layer }.map(\.machine))
      let new = Set(second.filter { $0.layer == layer }.map(\.machine))
      guard old.count == 1, new.count == 1, let from = old.first, let to = new.first, from != to
      else { continue }
      machines[from] = to
      sentences.append(
        "\(layer.rawValue) \(from) before and \(to) after, the only \(layer.rawValue) of either side"
      )
    }
  }

  /// A machine of before, by its name of after.
  func machine(_ old: String) -> String { machines[old] ?? old }

  /// A device of before, by its names of after.
  func device(_ machine: String, _ device: String) -> Device {
    devices[Device(machine: machine, device: device)]
      ?? Device(machine: self.machine(machine), device: device)
  }

  /// Takes a device of before for one of after.
  mutating func pair(_ old: Device, with new: Device, because reason: String) {
    guard device(old.machine, old.device) != new else { return }
    devices[old] = new
    sentences.append(
      "disk \(old.device) of \(old.machine) before and \(new.device) of \(new.machine) after, \(reason)"
    )
  }

  /// The device of a host below a guest's disk; nil where there is none, or more than one.
  static func below(_ disk: Device, in recordings: [Recording]) throws -> Device? {
    let found = try recordings.flatMap { try $0.file.disks(IOFilter()) }
      .filter { $0.guest == disk.machine && $0.device == disk.device }
      .compactMap { row in
        row.host.flatMap { host in
          row.hostDevice.map { Device(machine: host, device: $0) }
        }
      }
    let distinct = Set(found)
    return distinct.count == 1 ? distinct.first : nil
  }
}
