import Foundation
import TestSupport
import Testing

/// What rules find in counters alone: text of sysstat's tools, a reading each second.
struct CounterRuleTests {
  private static let readings = 40

  private static func time(_ second: Int) -> String {
    "09:\(String(30 + second / 60)):\(String(100 + second % 60).dropFirst())"
  }

  private static func sar(_ title: String, _ row: (Int) -> String) -> String {
    "Linux 6.1.0 (web1) \t11/22/2026 \t_x86_64_\t(2 CPU)\n\n"
      + (1..<readings).map { "\(time($0 - 1)) \(title)\n\(time($0)) \(row($0))\n\n" }.joined()
  }

  private static func disks(_ busy: Range<Int>, used: String = "97.00") -> String {
    sar("DEV tps rkB/s wkB/s dkB/s areq-sz aqu-sz await %util") { second in
      busy.contains(second)
        ? "vda 151.00 900.00 0.00 0.00 8.00 7.55 50.00 \(used)\n\(time(second)) vdb 3.00 9.00 0.00 0.00 8.00 0.01 1.00 0.10"
        : "vda \(50 + second % 3).00 900.00 0.00 0.00 8.00 0.10 2.00 9.00\n\(time(second)) vdb 3.00 9.00 0.00 0.00 8.00 0.01 1.00 0.10"
    }
  }

  private static func cpus(_ busy: Range<Int>) -> String {
    sar("CPU %usr %nice %sys %iowait %irq %soft %steal %guest %gnice %idle") { second in
      let own = busy.contains(second)
      return
        "all \(own ? "65.00" : "30.00") 0.00 0.00 0.00 0.00 0.00 0.00 0.00 0.00 \(own ? "35.00" : "70.00")\n"
        + "\(time(second)) 0 30.00 0.00 0.00 0.00 0.00 0.00 0.00 0.00 0.00 70.00\n"
        + "\(time(second)) 1 \(own ? "99.00" : "30.00") 0.00 0.00 0.00 0.00 0.00 0.00 0.00 0.00 \(own ? "1.00" : "70.00")"
    }
  }

  private static func finding(_ incident: String, _ code: String) throws -> String {
    // A value with commas is quoted.
    try Program.value(
      incident,
      "SELECT coalesce(group_concat(severity || ' ' || confidence || ' ' || sentence), '') FROM finding WHERE code = '\(code)'"
    )
    .trimmingCharacters(in: ["\""])
  }

  @Test("DISK_BUSY: from sar, in the time in which the disk was busy; none in a steady twin")
  func disk() throws {
    let incident = try Program.incident(of: ["host/sar.txt": Self.disks(15..<28)])
    let words = try Self.finding(incident, "DISK_BUSY")
    #expect(
      words
        == "warning low host: disk vda was busy from 09:30:14.0 to 09:30:27.0: it had requests for 97.0 % of the time, "
        + "7.5 at once on average. A request took 50.0 ms, otherwise 2.0 ms. vda was asked for 151.0 requests per second, "
        + "otherwise for 51.0.", "\(words)")
    // On the clock of the phases of counters, whose zero is the first reading.
    #expect(
      try Program.value(
        incident,
        """
        SELECT from_ns + (SELECT zero_unix_ns FROM phase LIMIT 1) IS NULL OR from_ns BETWEEN 12000000000 AND 14000000000
        FROM finding WHERE code = 'DISK_BUSY'
        """) == "1")
    let slow = try Program.incident(of: ["host/sar.txt": Self.disks(15..<28, used: "23.00")])
    #expect(
      try Self.finding(slow, "DISK_BUSY").hasPrefix(
        "warning low host: disk vda was slow from 09:30:14.0 to 09:30:27.0: it had requests for 23.0 %"
      ))
    let steady = try Program.incident(of: ["host/sar.txt": Self.disks(0..<0)])
    #expect(try Self.finding(steady, "DISK_BUSY") == "")
    let always = try Program.incident(of: ["host/sar.txt": Self.disks(0..<60)])
    #expect(try Self.finding(always, "DISK_BUSY") == "")
  }

  @Test("CPU_SATURATED: one of two CPUs, by mpstat; none in a steady twin")
  func cpu() throws {
    let incident = try Program.incident(of: ["host/mpstat.txt": Self.cpus(12..<30)])
    #expect(
      try Self.finding(incident, "CPU_SATURATED")
        == "warning low host: CPU 1 ran for 99.0 % of the time from 09:30:11.0 to 09:30:29.0, otherwise for 30.0 %."
    )
    let steady = try Program.incident(of: ["host/mpstat.txt": Self.cpus(0..<0)])
    #expect(try Self.finding(steady, "CPU_SATURATED") == "")
  }

  @Test("STEAL_HIDDEN from mpstat of a guest alone")
  func steal() throws {
    let text = Self.sar("CPU %usr %nice %sys %iowait %irq %soft %steal %guest %gnice %idle") { _ in
      "all 50.00 0.00 0.00 0.00 0.00 0.00 30.00 0.00 0.00 20.00"
    }
    let incident = try Program.incident(of: ["guest/mpstat.txt": text])
    let words = try Self.finding(incident, "STEAL_HIDDEN")
    #expect(words.contains("30.0 %") && !words.hasPrefix("info"), "\(words)")
  }

  @Test(
    "MEMORY_PRESSURE from vmstat that swaps; IOWAIT_MISLEADS where the disks hold nothing; twins without"
  )
  func memory() throws {
    func vmstat(_ swap: Int, _ wait: Int) -> String {
      "procs -----------memory---------- ---swap-- -----io---- -system-- ------cpu----- -----timestamp-----\n"
        + " r  b   swpd   free   buff  cache   si   so    bi    bo   in   cs us sy id wa st                 UTC\n"
        + (0..<12).map { second in
          " 1  1      0 812344  10240 655360  \(swap)  \(swap)   120   340  800 1500 10  5 \(85 - wait) \(wait)  0 2026-11-22 \(Self.time(second))\n"
        }.joined()
    }
    let short = try Program.incident(of: ["guest/vmstat.txt": vmstat(900, 0)])
    #expect(
      try Self.finding(short, "MEMORY_PRESSURE")
        == "warning low The guest was short of memory: it swapped 1,800 KiB per second.")
    let calm = try Program.incident(of: [
      "guest/vmstat.txt": vmstat(0, 40), "guest/sar.txt": Self.disks(0..<0),
    ])
    #expect(try Self.finding(calm, "MEMORY_PRESSURE") == "")
    #expect(
      try Self.finding(calm, "IOWAIT_MISLEADS")
        == "info low The guest counts 40.0 % of its CPU time as waiting for I/O. Its disks held 0.10 requests on average: this "
        + "is idle time.")
    let full = try Program.incident(of: [
      "guest/vmstat.txt": vmstat(0, 40), "guest/sar.txt": Self.disks(0..<60),
    ])
    #expect(try Self.finding(full, "IOWAIT_MISLEADS") == "")
  }

  @Test("LIMIT_REACHED by what an EBS volume counts itself; none where it did not grow")
  func allowance() throws {
    func stats(_ grown: Int) -> String {
      (0..<3).map { place in
        """
        \(1_795_339_853 + 10 * place)
        $ nvme amzn stats /dev/nvme1n1
        Total Ops:
          Read: 26525
          Write: 46117
        Total Bytes:
          Read: 1
          Write: 2
        Total Time (us):
          Read: 3
          Write: 4
        EBS Volume Performance Exceeded (us):
          IOPS: \(1_000 + place * grown)
          Throughput: 0
        EC2 Instance EBS Performance Exceeded (us):
          IOPS: 0
          Throughput: 0
        Queue Length (point in time): 7


        """
      }.joined()
    }
    let held = try Program.incident(of: ["guest/ebs.txt": stats(2_500_000)])
    #expect(
      try Self.finding(held, "LIMIT_REACHED")
        == "warning high nvme1n1: the IOPS limit of the volume held I/O back for 5.0 s, 25.0 % of the time between the readings."
    )
    let free = try Program.incident(of: ["guest/ebs.txt": stats(0)])
    #expect(try Self.finding(free, "LIMIT_REACHED") == "")
  }
}
