internal import Foundation
internal import TraceModel

/// Whose a bundle is that a support tool made of one machine: sosreport, supportconfig, OSWatcher, and the folder of a node
/// in what `oc adm must-gather` made of a cluster.
enum BundleMachine {
  /// More of a file is not looked at.
  private static let most = 4 << 20

  /// The machine of a folder with these entries; nil for other folders, or if nothing names the machine.
  static func machine(ofFolder folder: String, _ names: [String]) -> Machine? {
    let entries = Set(names)
    let head = folder.hasSuffix("/") ? folder : folder + "/"
    let own = URL(filePath: folder).standardizedFileURL.lastPathComponent
    if isNode(folder) { return Machine(name: own, layer: .host) }
    let name: String?
    if entries.contains("sos_commands") {
      name =
        hostName(head, ["hostname", "sos_commands/host/hostname", "etc/hostname"])
        ?? part(of: own, behind: ["sosreport-", "sos-"], until: "-")
    } else if entries.contains("basic-environment.txt") {
      name = part(of: own, behind: ["scc_", "nts_"], until: "_") ?? own
    } else if let log = ["oswvmstat", "oswiostat", "oswtop"].first(where: entries.contains) {
      let files = (try? FileManager.default.contentsOfDirectory(atPath: head + log)) ?? []
      name = files.sorted().first.flatMap { part(of: $0, behind: [""], until: "_") }
    } else {
      return nil
    }
    guard let name, !name.isEmpty else { return nil }
    return Machine(name: name, layer: isHost(head, entries) ? .host : .guest)
  }

  /// `must-gather.local.123/IMAGE/nodes/worker-1`: beside `nodes` lie the cluster's resources.
  private static func isNode(_ folder: String) -> Bool {
    let nodes = URL(filePath: folder).standardizedFileURL.deletingLastPathComponent()
    guard nodes.lastPathComponent == "nodes" else { return false }
    let image = nodes.deletingLastPathComponent()
    return ["cluster-scoped-resources", "namespaces"].contains { name in
      FileManager.default.fileExists(atPath: image.appending(path: name).path)
    }
  }

  /// Whether it runs guests: a process of QEMU, or a log that libvirt keeps of one. A machine without these is a guest where
  /// it says that it has a hypervisor; what tells neither is the side of which most is attached, a guest.
  private static func isHost(_ head: String, _ entries: Set<String>) -> Bool {
    let logs = head + "var/log/libvirt/qemu"
    let kept = (try? FileManager.default.contentsOfDirectory(atPath: logs)) ?? []
    if kept.contains(where: { $0.hasSuffix(".log") }) { return true }
    let lists = [
      "ps", "sos_commands/process/ps_auxwww", "sos_commands/process/ps_auxwwwm",
      "basic-health-check.txt",
    ]
    return lists.contains { list in
      guard let text = text(head + list) else { return false }
      return text.contains("qemu-system-") || text.contains("qemu-kvm ")
    }
  }

  private static func hostName(_ head: String, _ files: [String]) -> String? {
    for file in files {
      let words = text(head + file)?.split(whereSeparator: \.isWhitespace) ?? []
      // The short name, as prompts and logs have it.
      if let first = words.first?.split(separator: ".").first, first.count <= 64 {
        return String(first)
      }
    }
    return nil
  }

  /// `web1` of `sosreport-web1-2026-11-22-abcdefg`, `web1` of `scc_web1_261122_0930`.
  private static func part(of name: String, behind beginnings: [String], until mark: Character)
    -> String?
  {
    for beginning in beginnings where name.hasPrefix(beginning) {
      let rest = name.dropFirst(beginning.count)
      let own = rest.prefix { $0 != mark }
      return own.isEmpty || own.count == rest.count ? nil : String(own)
    }
    return nil
  }

  private static func text(_ path: String) -> String? {
    guard case .file = Place(path), let handle = FileHandle(forReadingAtPath: path) else {
      return nil
    }
    defer { try? handle.close() }
    return (try? handle.read(upToCount: most)).map { String(decoding: $0, as: UTF8.self) }
  }
}
