internal import TraceModel
internal import TraceStore

/// What machines call their block devices.
struct DeviceNames {
  private let names: [String: [String: String]]

  init(_ file: IncidentFile) throws { names = try file.deviceNames() }

  /// `vdb`, where a file tells; else `254,16`.
  func short(_ device: String, of machine: String) -> String {
    Printable.text(names[machine]?[device] ?? device)
  }

  /// `vdb (254,16)`, where a file tells; else `254,16`.
  func full(_ device: String, of machine: String) -> String {
    Printable.text(names[machine]?[device].map { "\($0) (\(device))" } ?? device)
  }
}
