import Foundation
import TestSupport
import Testing

/// Bundles of support tools: whose they are, their own names say.
struct BundleTests {
  private static let vmstat =
    "procs -----------memory---------- ---swap-- -----io---- -system-- ------cpu----- -----timestamp-----\n"
    + " r  b   swpd   free   buff  cache   si   so    bi    bo   in   cs us sy id wa st                 UTC\n"
    + (10..<30).map {
      " 1  1      0 812344  10240 655360  0  0   120   340  800 1500 50 5 15 0 30 2026-11-22 09:30:\($0)\n"
    }
    .joined()

  private static func machines(_ files: [String: String]) throws -> String {
    let folder = try Repository.folder(of: files)
    let out = try Repository.temporaryFolder().path + "/out"
    let done = try Program.run("analyze", folder.path, "-o", out)
    #expect(done.status == 0, "\(done.errors)")
    return try Program.value(
      out + "/incident.db",
      "SELECT coalesce(group_concat(layer || ' ' || machine, '; '), '') FROM (SELECT DISTINCT layer, machine FROM source ORDER BY 1, 2)"
    )
  }

  @Test("sosreport: by its host name, a guest unless it runs guests")
  func sosreport() throws {
    let top = "sosreport-web1-2026-11-22-abcdefg"
    #expect(
      try Self.machines([
        "\(top)/hostname": "web1.example.org\n",
        "\(top)/sos_commands/kernel/vmstat_-t": Self.vmstat,
      ]) == "guest web1")
    #expect(
      try Self.machines([
        "\(top)/sos_commands/kernel/vmstat_-t": Self.vmstat,
        "\(top)/var/log/libvirt/qemu/web1.log": "2026-11-22 08:02:19.454+0000: shutting down\n",
      ]) == "host web1")
    // What is no bundle has no machine.
    let folder = try Repository.folder(of: ["x/kernel/vmstat_-t": Self.vmstat])
    #expect(try Program.run("analyze", folder.path).status == 2)
  }

  @Test("must-gather: each node is a host of its own name")
  func mustGather() throws {
    let top = "must-gather.local.4711/quay-io-kubevirt-must-gather-sha256-1234"
    #expect(
      try Self.machines([
        "\(top)/nodes/worker-1/vmstat.txt": Self.vmstat,
        "\(top)/nodes/worker-2/vmstat.txt": Self.vmstat,
        "\(top)/cluster-scoped-resources/core/nodes/worker-1.yaml": "kind: Node\n",
      ]) == "host worker-1; host worker-2")
    // Without the cluster's resources it is any folder.
    let folder = try Repository.folder(of: ["x/nodes/worker-1/vmstat.txt": Self.vmstat])
    #expect(try Program.run("analyze", folder.path).status == 2)
  }

  @Test(
    "a tree of 3,000 files of a sosreport: the answer, and the findings; the report has the rest")
  func tree() throws {
    let top = "sosreport-web1-2026-11-22-abcdefg"
    var files = [
      "\(top)/hostname": "web1.example.org\n",
      "\(top)/sos_commands/kernel/vmstat_-t": Self.vmstat,
    ]
    for number in 0..<3_000 {
      files["\(top)/etc/d\(number % 40)/f\(number)"] = "key=value\nother=\(number)\n"
    }
    for number in 100..<130 { files["\(top)/proc/\(number)/status"] = "Name:\tx\nState:\tS\n" }
    let folder = try Repository.folder(of: files)
    let out = try Repository.temporaryFolder().path + "/out"
    let done = try Program.run("analyze", folder.path, "-o", out)
    #expect(done.status == 0)
    let lines = done.output.split(separator: "\n", omittingEmptySubsequences: false)
    #expect(lines.count <= 42, "\(done.output)")
    #expect(
      done.output.contains("WARNING STEAL_HIDDEN") && done.output.contains("Not used: 3,031 files"))
    // The report has the rest.
    let report = try String(contentsOfFile: out + "/report.html", encoding: .utf8)
    #expect(report.contains("What could not be judged"))
  }

  @Test("supportconfig and OSWatcher; a folder that names a machine wins")
  func others() throws {
    #expect(
      try Self.machines([
        "scc_db1_261122_0930/basic-environment.txt":
          "#==[ Command ]==#\n# /bin/date\nSun Nov 22 09:30:44 UTC 2026\n",
        "scc_db1_261122_0930/vmstat.txt": Self.vmstat,
      ]) == "guest db1")
    #expect(
      try Self.machines(["archive/oswvmstat/db2_vmstat_26.11.22.0900.dat": Self.vmstat])
        == "guest db2")
    #expect(
      try Self.machines([
        "host-kvm7/sosreport-web1-x/hostname": "web1\n",
        "host-kvm7/sosreport-web1-x/sos_commands/kernel/vmstat_-t": Self.vmstat,
      ]) == "host kvm7")
  }
}
