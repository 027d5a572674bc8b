extension IncidentFile {
  /// What machines call their block devices, by machine and major,minor: what somebody wrote down or lists of disks say, else what
  /// /proc/diskstats says. Of several names the first in the alphabet, so that the same file gives the same.
  public func deviceNames() throws -> [String: [String: String]] {
    var names: [String: [String: String]] = [:]
    for listed in try listedDevices() {
      let known = names[listed.machine]?[listed.device]
      if known.map({ listed.name < $0 }) ?? true {
        names[listed.machine, default: [:]][listed.device] = listed.name
      }
    }
    // `254,16 vdb`
    let counted: [(machine: String, object: String)] = try fetch(
      """
      SELECT machine.name, counter_object.name FROM counter_object JOIN machine USING (machine_id)
      WHERE tool = 'proc-diskstats' ORDER BY 1, 2
      """
    ) { try ($0[0], $0[1]) }
    for (machine, object) in counted {
      guard let blank = object.firstIndex(of: " ") else { continue }
      let (device, name) = (String(object[..<blank]), String(object[blank...].dropFirst()))
      if device.contains(","), !name.isEmpty, names[machine]?[device] == nil {
        names[machine, default: [:]][device] = name
      }
    }
    return names
  }
}
