internal import TraceModel

/// Limits on the I/O of a guest's disk, under one name each whatever states them: `iops`, `iops_rd`, `iops_wr`, `bps`,
/// `bps_rd`, `bps_wr`, and the same with `_max` for bursts. 0 means unlimited and is left out.
enum IOLimits {
  /// The kind of setting that they are.
  static let kind = "limit"

  /// The one name of a limit; nil for other words.
  ///
  ///     iops_rd  iops_rd_max               query-block, -drive
  ///     throttling.iops-total  bps-write   -drive, throttle groups; with x- in front before QEMU 2.12
  ///     total_iops_sec  read_bytes_sec     libvirt
  ///     riops  wbps                        io.max of a control group
  static func name(_ word: Substring) -> String? {
    var rest = word
    for prefix in ["throttling.", "x-"] where rest.hasPrefix(prefix) {
      rest = rest.dropFirst(prefix.count)
    }
    var text = String(rest).replacing("-", with: "_")
    let isBurst = text.hasSuffix("_max")
    if isBurst { text.removeLast(4) }
    guard let name = names[text] else { return nil }
    return isBurst ? name + "_max" : name
  }

  private static let names: [String: String] = {
    var names: [String: String] = [:]
    let forms = [
      ("", "total", "total", ""), ("_rd", "read", "read", "r"), ("_wr", "write", "write", "w"),
    ]
    for (end, qemu, libvirt, group) in forms {
      for (unit, word) in [("iops", "iops"), ("bps", "bytes")] {
        names[unit + end] = unit + end
        names["\(unit)_\(qemu)"] = unit + end
        names["\(libvirt)_\(word)_sec"] = unit + end
        if !group.isEmpty { names[group + unit] = unit + end }
      }
    }
    return names
  }()

  /// The limits that an object of JSON has.
  static func facts(in value: JSONValue, of object: String, line: Int64) -> [SettingFact] {
    guard case .object(let members, _) = value else { return [] }
    return members.compactMap { member in
      guard let amount = member.value.integer else { return nil }
      return fact(member.key[...], amount, of: object, line: line)
    }
  }

  /// A limit as a fact; nil where it is none.
  static func fact(
    _ word: Substring, _ amount: Int64, of object: String, line: Int64
  ) -> SettingFact? {
    guard amount > 0, let name = name(word) else { return nil }
    return SettingFact(kind: kind, object: object, name: name, value: "\(amount)", line: line)
  }

  /// The limits of an option of QEMU, and the disk or group that it names.
  ///
  ///     -drive file=/a.img,if=virtio,id=d0,throttling.iops-total=200
  ///     -object throttle-group,id=limits0,x-iops-total=200
  ///     -object {"qom-type":"throttle-group","id":"limits0","limits":{"iops-total":200}}
  static func facts(inOption value: String, line: Int64) -> [SettingFact] {
    guard value.contains("iops") || value.contains("bps") else { return [] }
    let parts = value.split { ",{}".contains($0) }.compactMap { part -> (Substring, Substring)? in
      guard let middle = part.firstIndex(where: { $0 == "=" || $0 == ":" }) else { return nil }
      func bare(_ text: Substring) -> Substring {
        var own = text
        while let first = own.first, first == "\"" || first == " " { own.removeFirst() }
        while let last = own.last, last == "\"" || last == " " { own.removeLast() }
        return own
      }
      return (bare(part[..<middle]), bare(part[part.index(after: middle)...]))
    }
    func named(_ key: String) -> String? { parts.first { $0.0 == key }.map { String($0.1) } }
    let object = named("id") ?? named("node-name") ?? named("file") ?? ""
    return parts.compactMap { key, text in
      Int64(text).flatMap { fact(key, $0, of: object, line: line) }
    }
  }

  /// `datadisk` of `/machine/peripheral/datadisk/virtio-backend`, `limits0` of `/objects/limits0`.
  static func short(_ path: String) -> String {
    let parts = path.split(separator: "/").filter { $0 != "virtio-backend" && $0 != "limits" }
    return parts.last.map(String.init) ?? path
  }
}
