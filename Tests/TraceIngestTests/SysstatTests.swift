import Foundation
import Testing
import TraceModel

@testable import TraceIngest

private func read(_ text: String, as name: String = "file.txt") throws -> (
  RecordedCounters, SourceSummary
) {
  let folder = FileManager.default.temporaryDirectory
    .appending(path: "hiddenq-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: folder) }
  let path = folder.appending(path: name).path
  try Data(text.utf8).write(to: URL(filePath: path))
  let sink = RecordedCounters()
  return (sink, try IngestRun(source: ByteSource(path: path)).read(into: sink))
}

/// `sar`, `mpstat` and `pidstat` of several generations, in hundredths as they are stored.
struct SysstatTests {
  /// 2026-11-22, begin of the day.
  private let day: Int64 = 1_795_305_600_000_000_000

  @Test("sar of several activities at once: an activity's intervals are its own")
  func sar() throws {
    let (sink, summary) = try read(
      """
      Linux 6.1.0 (web1) \t11/22/2026 \t_x86_64_\t(2 CPU)

      23:59:58        CPU      %usr     %nice      %sys   %iowait    %steal      %irq     %soft    %guest    %gnice     %idle
      23:59:59        all     53.81      0.00     38.58      0.00      1.25      0.00      0.00      0.00      0.00      6.36

      23:59:58      runq-sz  plist-sz   ldavg-1   ldavg-5  ldavg-15   blocked
      23:59:59            5       119      0.85      3.46      6.02         0

      23:59:58          DEV       tps     rkB/s     wkB/s     dkB/s   areq-sz    aqu-sz     await     %util
      23:59:59     dev253-0     45.00    488.00      0.00      0.00     10.84      0.07      1.51      0.40

      23:59:58        IFACE   rxpck/s   txpck/s    rxkB/s    txkB/s   rxcmp/s   txcmp/s  rxmcst/s   %ifutil
      23:59:59         eth0      3.00      4.00      0.26      0.27      0.00      0.00      0.00      0.00

      23:59:59        CPU      %usr     %nice      %sys   %iowait    %steal      %irq     %soft    %guest    %gnice     %idle
      00:00:00        all     75.63      0.00      9.64      0.00      2.25      0.00      0.00      0.00      0.00     12.47

      23:59:59          DEV       tps     rkB/s     wkB/s     dkB/s   areq-sz    aqu-sz     await     %util
      00:00:00     dev253-0     46.00    488.00      0.00      0.00     10.84      0.07      2.51      0.40

      Average:        CPU      %usr     %nice      %sys   %iowait    %steal      %irq     %soft    %guest    %gnice     %idle
      Average:        all     64.00      0.00     24.00      0.00      1.75      0.00      0.00      0.00      0.00      9.00

      """)
    #expect(summary.format == "sar" && summary.skippedLines == 0 && summary.events == 6)
    #expect(sink.series("sar machine ", "%steal") == [125, 225])
    #expect(sink.series("sar disk 253,0", "await") == [151, 251])
    #expect(sink.series("sar -q machine ", "ldavg-5") == [346])
    #expect(sink.series("sar -n DEV interface eth0", "rxpck/s") == [300])
    // The day of the first line, and the next one behind midnight.
    #expect(
      sink.moments.map(\.wall?.nanoseconds) == [day + 86_399_000_000_000, day + 86_400_000_000_000])
    #expect(sink.moments.allSatisfy { $0.wall?.utcOffset == nil })
  }

  @Test("a daily file shows the whole day for one activity after the other, and a restart")
  func daily() throws {
    let (sink, summary) = try read(
      """
      Linux 2.6.32-754.el6.x86_64 (db1) \t2026-11-22 \t_x86_64_\t(4 CPU)

      12:00:01 AM       CPU     %user     %nice   %system   %iowait    %steal     %idle
      12:10:01 AM       all      1.00      0.00      2.00      0.00      0.00     97.00
      12:20:01 PM       all      3.00      0.00      2.00      0.00      0.00     95.00
      Average:          all      2.00      0.00      2.00      0.00      0.00     96.00

      12:30:00 PM       LINUX RESTART

      12:00:01 AM       DEV       tps  rd_sec/s  wr_sec/s  avgrq-sz  avgqu-sz     await     svctm     %util
      12:10:01 AM       sda     10.00     80.00      0.00      8.00      0.10      9.00      1.00      1.00

      """)
    #expect(summary.format == "sar" && summary.skippedLines == 0)
    #expect(sink.series("sar machine ", "%idle") == [9_700, 9_500])
    #expect(
      sink.moments.map { ($0.wall?.nanoseconds ?? 0) - day } == [
        601_000_000_000, 44_401_000_000_000, 601_000_000_000,
      ])
    #expect(sink.counters.first { $0.name == "rd_sec/s" }?.unit == .sectors)
    #expect(sink.counters.first { $0.name == "await" }?.nature == .mean)
  }

  @Test("mpstat of RHEL 6 and of today, all CPUs apart; numbers with a comma")
  func mpstat() throws {
    let (sink, summary) = try read(
      """
      Linux 6.1.0 (web1) \t22.11.2026 \t_x86_64_\t(2 CPU)

      14:46:18     CPU    %usr   %nice    %sys %iowait    %irq   %soft  %steal  %guest  %gnice   %idle
      14:46:19     all   52,26    0,00   40,20    0,00    0,00    0,00    0,00    0,00    0,00    7,54
      14:46:19       0   69,00    0,00   30,00    0,00    0,00    0,00    0,00    0,00    0,00    1,00
      14:46:19       1   35,35    0,00   50,51    0,00    0,00    0,00    0,00    0,00    0,00   14,14

      """)
    #expect(summary.format == "mpstat" && summary.skippedLines == 0 && summary.events == 3)
    #expect(sink.series("mpstat cpu 1", "%idle") == [1_414])
    #expect(sink.series("mpstat machine ", "%sys") == [4_020])
    #expect(
      sink.moments.count == 1 && sink.moments[0].wall?.nanoseconds == day + 53_179_000_000_000)
  }

  @Test("pidstat: a process is called by its number and its name, blanks included")
  func pidstat() throws {
    let (sink, summary) = try read(
      """
      Linux 6.1.0 (kvm7) \t11/22/26 \t_x86_64_\t(2 CPU)

      12:06:39 PM   UID       PID    %usr %system  %guest   %wait    %CPU   CPU  Command
      12:06:40 PM   107      2832    3.00    5.00   70.00    1.00   78.00     1  qemu-system-x86
      12:06:40 PM     0      4711    1.00    0.00    0.00    0.00    1.00     0  my tool

      12:06:39 PM   UID       PID   kB_rd/s   kB_wr/s kB_ccwr/s iodelay  Command
      12:06:40 PM   107      2832      0.00    512.00      0.00       3  qemu-system-x86

      """)
    #expect(summary.format == "pidstat" && summary.skippedLines == 0)
    #expect(sink.series("pidstat process 2832 (qemu-system-x86)", "%guest") == [7_000])
    #expect(sink.series("pidstat process 4711 (my tool)", "%CPU") == [100])
    #expect(sink.series("pidstat -d process 2832 (qemu-system-x86)", "kB_wr/s") == [51_200])
  }

  @Test("JSON of iostat, mpstat and sadf has the names of the tables")
  func json() throws {
    let disk = """
      {"disk_device": "vda", "r/s": 12.00, "w/s": 41.5, "r_await": 0.58, "w_await": 1.07, "aqu-sz": 0.04, "util": 3.20}
      """
    func report(_ time: String, _ disk: String) -> String {
      """
      {"timestamp": "11/22/26 \(time)", "avg-cpu": {"user": 6.18, "nice": 0.00, "system": 11.24, "iowait": 48.31,
        "steal": 2.25, "idle": 32.02}, "disk": [\(disk)]}
      """
    }
    let (sink, summary) = try read(
      """
      {"sysstat": {"hosts": [{"nodename": "web1", "date": "11/22/26", "statistics": [
        \(report("09:30:52", disk)), \(report("09:30:53", disk))]}]}}

      """)
    #expect(summary.format == "sysstat-json" && summary.events == 2)
    #expect(sink.series("iostat disk vda", "w/s") == [4_150, 4_150])
    #expect(sink.series("iostat disk vda", "%util") == [320, 320])
    #expect(sink.series("iostat machine ", "%steal") == [225, 225])
    #expect(sink.samples(of: .sinceBoot) == 12)
    #expect(sink.moments.last?.wall?.nanoseconds == day + 34_253_000_000_000)
    let (sadf, other) = try read(
      """
      {"sysstat": {"hosts": [{"nodename": "web1", "file-date": "2026-11-22", "statistics": [
        {"timestamp": {"date": "2026-11-22", "time": "09:30:53", "utc": 1, "interval": 600},
         "cpu-load": [{"cpu": "all", "user": 6.18, "nice": 0.00, "system": 11.24, "iowait": 48.31, "steal": 2.25, "idle": 32.02}],
         "disk": [{"disk-device": "vda", "tps": 45.00, "rkB": 488.00, "await": 1.51, "util": 0.40}],
         "network": {"net-dev": [{"iface": "eth0", "rxpck": 3.00, "ifutil-percent": 0.00}]},
         "paging": {"pgpgin": 488.00, "pgscand": 5.00}}]}]}}

      """)
    #expect(other.format == "sysstat-json")
    #expect(sadf.series("sar machine ", "%iowait") == [4_831])
    #expect(sadf.series("sar disk vda", "rkB/s") == [48_800])
    #expect(sadf.series("sar -n DEV interface eth0", "rxpck/s") == [300])
    #expect(sadf.series("sar -B machine ", "pgscand/s") == [500])
    #expect(sadf.moments[0].wall == WallTime(nanoseconds: day + 34_253_000_000_000, utcOffset: 0))
    let (mpstat, _) = try read(
      """
      {"sysstat": {"hosts": [{"nodename": "web1", "date": "11/22/2026", "statistics": [
        {"timestamp": "09:30:53", "cpu-load": [{"cpu": "0", "usr": 6.18, "sys": 11.24, "steal": 2.25, "idle": 32.02}]}]}]}}

      """)
    #expect(mpstat.series("mpstat cpu 0", "%usr") == [618])
  }

  @Test("sadf -d has the names of sar, and dates in UTC")
  func sadf() throws {
    let (sink, summary) = try read(
      """
      # hostname;interval;timestamp;CPU;%user;%nice;%system;%iowait;%steal;%idle
      web1;600;2026-11-22 00:10:01 UTC;-1;1.00;0.00;2.00;0.00;5.25;91.75
      web1;-1;2026-11-22 00:15:01 UTC;LINUX-RESTART	(2 CPU)
      web1;600;2026-11-22 00:20:01 UTC;-1;1.00;0.00;2.00;0.00;6.25;90.75
      # hostname;interval;timestamp;DEV;tps;rkB/s;wkB/s;dkB/s;areq-sz;aqu-sz;await;%util
      web1;600;2026-11-22 00:10:01 UTC;vda;45.00;488.00;0.00;0.00;10.84;0.07;1.51;0.40

      """)
    #expect(summary.format == "sadf" && summary.skippedLines == 0 && summary.events == 3)
    #expect(sink.series("sar machine ", "%steal") == [525, 625])
    #expect(sink.series("sar disk vda", "await") == [151])
    #expect(sink.moments[0].wall == WallTime(nanoseconds: day + 601_000_000_000, utcOffset: 0))
  }

  @Test("pressure: the resource by a path before the line, a heading, or the file's name")
  func pressure() throws {
    let line = "avg10=0.00 avg60=1.25 avg300=0.05 total=1234567"
    let (grep, summary) = try read(
      "1795339853\n/proc/pressure/cpu:some \(line)\n/proc/pressure/io:some \(line)\n/proc/pressure/io:full \(line)\n"
    )
    #expect(summary.format == "pressure" && summary.skippedLines == 0)
    #expect(grep.series("pressure machine io full", "total") == [1_234_567_000])
    #expect(grep.series("pressure machine cpu some", "avg60") == [125])
    let (headed, _) = try read("==> /proc/pressure/memory <==\nsome \(line)\nfull \(line)\n")
    #expect(headed.series("pressure machine memory full", "total") == [1_234_567_000])
    let (named, _) = try read("some \(line)\n", as: "psi_io.txt")
    #expect(named.series("pressure machine io some", "total") == [1_234_567_000])
  }

  @Test("ifconfig, old and new, has the names of ip")
  func ifconfig() throws {
    let (new, summary) = try read(
      """
      1795339853
      eth0: flags=4163<UP,BROADCAST,RUNNING,MULTICAST>  mtu 1500
              inet 10.0.0.1  netmask 255.255.255.0  broadcast 10.0.0.255
              ether 52:54:00:aa:bb:cc  txqueuelen 1000  (Ethernet)
              RX packets 8910  bytes 1234567 (1.1 MiB)
              RX errors 0  dropped 12  overruns 3  frame 0
              TX packets 1098  bytes 765432 (747.4 KiB)
              TX errors 0  dropped 7 overruns 0  carrier 0  collisions 0

      lo: flags=73<UP,LOOPBACK,RUNNING>  mtu 65536
              RX packets 5  bytes 50 (50.0 B)

      """)
    #expect(summary.format == "ifconfig" && summary.skippedLines == 0)
    #expect(new.series("ip interface eth0", "rx_dropped") == [12])
    #expect(new.series("ip interface eth0", "rx_error_fifo") == [3])
    #expect(new.series("ip interface eth0", "tx_dropped") == [7])
    #expect(new.series("ip interface lo", "rx_bytes") == [50])
    let (old, _) = try read(
      """
      eth0      Link encap:Ethernet  HWaddr 52:54:00:AA:BB:CC
                inet addr:10.0.0.1  Bcast:10.0.0.255  Mask:255.255.255.0
                UP BROADCAST RUNNING MULTICAST  MTU:1500  Metric:1
                RX packets:1000000 errors:0 dropped:40000 overruns:0 frame:0
                TX packets:500 errors:0 dropped:9 overruns:0 carrier:0
                collisions:4 txqueuelen:1000
                RX bytes:1234567 (1.1 MiB)  TX bytes:765432 (747.4 KiB)

      """)
    #expect(old.series("ip interface eth0", "rx_dropped") == [40_000])
    #expect(old.series("ip interface eth0", "tx_bytes") == [765_432])
    #expect(old.series("ip interface eth0", "tx_collsns") == [4])
  }
}
