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

  /// Reports of a second each; the first is the mean since boot.
  private static func top(_ busy: Range<Int>) -> String {
    (0..<readings).map { second in
      let own = busy.contains(second)
      return """
        top - \(time(second)) up 3 days,  2 users,  load average: 0.10, 0.20, 0.30
        Tasks: 123 total,   1 running, 122 sleeping,   0 stopped,   0 zombie
        %Cpu(s): \(own ? "97.0" : "20.0") us,  0.0 sy,  0.0 ni, \(own ? " 1.0" : "79.0") id,  0.0 wa,  0.0 hi,  0.0 si,  2.0 st
        MiB Mem :   1970.4 total,    200.1 free,    900.2 used,    870.1 buff/cache

            PID USER      PR  NI    VIRT    RES    SHR S  %CPU  %MEM     TIME+ COMMAND
           2832 qemu      20   0 3145728 1.2g   20480 S  \(own ? "30.0" : "35.0")  30.1   9:11.12 qemu-system-x86
           4711 root      20   0   31457   12m   2048 R \(own ? "158.0" : "  1.0")   0.1   0:11.12 back up; now


        """
    }.joined()
  }

  @Test("CPU_SATURATED: by top, with the process that took the CPUs, with and without dates")
  func topProcess() throws {
    let process =
      "By top, process 4711 (back up; now) used 1.58 CPUs, otherwise 0.01."
    for (before, when) in [
      ("Sun Nov 22 09:30:00 UTC 2026\n", "from 09:30:11.0 to 09:30:29.0 UTC"),
      ("", "from reading 12 to 29"),
    ] {
      let incident = try Program.incident(of: ["host/top.txt": before + Self.top(12..<30)])
      let words = try Self.finding(incident, "CPU_SATURATED")
      #expect(
        words
          == "warning low host: its CPUs ran for 97.0 % of the time \(when), otherwise for 19.0 %.",
        "\(words)")
      let because = try Program.value(
        incident, "SELECT because FROM finding WHERE code = 'CPU_SATURATED'")
      #expect(because.contains(process), "\(because)")
      let steady = try Program.incident(of: ["host/top.txt": before + Self.top(0..<0)])
      #expect(try Self.finding(steady, "CPU_SATURATED") == "")
    }
  }

  @Test(
    "DISK_BUSY: by biosnoop, with the process that moved most, and its distribution in the report")
  func biosnoop() throws {
    func text(_ busy: Range<Int>) -> String {
      "TIME(s)     COMM           PID    DISK    T SECTOR     BYTES   LAT(ms)\n"
        + (0..<Self.readings).flatMap { second in
          (0..<10).map { place in
            let own = busy.contains(second)
            return
              "\(second).\(place)00001    \(own ? "back up" : "db")   \(own ? 7 : 8)   vda   W 8 "
              + "\(own ? 1_048_576 : 4_096)   \(own ? "90.00" : "2.00")\n"
          }
        }.joined()
    }
    let incident = try Program.incident(of: ["guest/biosnoop.txt": text(15..<28)])
    let words = try Self.finding(incident, "DISK_BUSY")
    #expect(
      words
        == "warning low Disk vda was slow from reading 16 to 28: 0.9 at once on average. A request took 90.0 ms, otherwise 2.0 ms.",
      "\(words)")
    let because = try Program.value(
      incident, "SELECT because FROM finding WHERE code = 'DISK_BUSY'")
    #expect(
      because.contains("By biosnoop, process 7 (back up) moved 10,240 KiB per second"), "\(because)"
    )
    let report = try Program.run("report", incident).output
      .split(whereSeparator: \.isWhitespace).joined(separator: " ")
    #expect(report.contains("400 I/Os from D to C: half within 2.0"), "\(report)")
    let steady = try Program.incident(of: ["guest/biosnoop.txt": text(0..<0)])
    #expect(try Self.finding(steady, "DISK_BUSY") == "")
  }

  @Test("LIMIT_REACHED by a CPU quota; none where it was never used up")
  func quota() throws {
    func text(_ throttled: Int) -> String {
      let path = "/sys/fs/cgroup/machine.slice/web1.scope/cpu.stat"
      return (0..<4).map {
        """
        \(1_795_339_850 + 10 * $0)
        \(path):usage_usec 123
        \(path):nr_periods \(12_000 + 100 * $0)
        \(path):nr_throttled \(3_400 + throttled * $0)
        \(path):throttled_usec \(98_765 + 20_000 * throttled * $0)

        """
      }.joined()
    }
    let incident = try Program.incident(of: ["host/cpu-stat.txt": text(25)])
    let words = try Self.finding(incident, "LIMIT_REACHED")
    #expect(
      words
        == "warning high web1.scope: its CPU quota was used up in 75 of 300 periods (25.0 %), and its threads were held back, for 1.500 s.",
      "\(words)")
    let steady = try Program.incident(of: ["host/cpu-stat.txt": text(0)])
    #expect(try Self.finding(steady, "LIMIT_REACHED") == "")
  }

  @Test("fio's sums stand in the report, without a trace")
  func fioSums() throws {
    let incident = try Program.incident(of: [
      "guest/fio.txt": """
      db: (g=0): rw=randwrite, bs=(R) 4096B-4096B, (W) 4096B-4096B, (T) 4096B-4096B, ioengine=libaio, iodepth=16
      fio-3.28
      db: (groupid=0, jobs=1): err= 0: pid=1234: Sun Nov 22 09:31:00 2026
        write: IOPS=308, BW=1234KiB/s (1264kB/s)(12.1MiB/10001msec); 0 zone resets
          clat percentiles (usec):
           | 50.00th=[   52], 99.00th=[12387]
           lat (usec): min=32, max=46120, avg=519.30, stdev=118.12
           issued rwts: total=0,3086,0,0 short=0,0,0,0 dropped=0,0,0,0

      """
    ])
    let report = try Program.run("report", incident).output
    let line = report.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    #expect(
      line.contains(
        "writes of 4,096 B: 3,086 I/Os, 519.3 us on average, half within 52.0 us, 99 % within 12.387 ms, longest 46.120 ms"
      ), "\(report)")
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
