internal import TraceModel
internal import TraceStore

/// What machines call their block devices.
struct DeviceNames {
  private var names: [String: [String: String]] = [:]

  init(_ file: IncidentFile) throws {
    for listed in try file.listedDevices() {
      // Of several names the first in the alphabet, so that the same file gives the same report.
      let known = names[listed.machine]?[listed.device]
      if known.map({ listed.name < $0 }) ?? true {
        names[listed.machine, default: [:]][listed.device] = listed.name
      }
    }
  }

  /// `vdb`, where a file tells; else `254,16`.
  func short(_ device: String, of machine: String) -> String {
    Printable.text(names[machine]?[device] ?? device)
  }

  /// `vdb (254,16)`, where a file tells; else `254,16`.
  func full(_ device: String, of machine: String) -> String {
    Printable.text(names[machine]?[device].map { "\($0) (\(device))" } ?? device)
  }
}
