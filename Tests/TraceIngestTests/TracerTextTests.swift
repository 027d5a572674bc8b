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

/// Text of the tools of BCC, libbpf-tools and bpftrace.
struct TracerTextTests {
  @Test("biosnoop -Q behind a date: seconds of each disk, what processes moved, quantiles")
  func biosnoop() throws {
    let (sink, summary) = try read(
      """
      Sun Nov 22 09:30:50 UTC 2026
      TIME(s)     COMM           PID    DISK    T SECTOR     BYTES  QUE(ms) LAT(ms)
      0.000000    kworker/u72:1  13379  vda     W 1142400    4096      0.50    1.50
      0.900771    my back up     22177  vda     R 41963894   8192      0.00    3.00
      TIME(s)     COMM           PID    DISK    T SECTOR     BYTES  QUE(ms) LAT(ms)
      0.899998    TIME(s)        7      vdb     W 545728     1024      0.01    0.61
      3.000001    sync           22177  vda     W 2349728    16384     0.02    9.64

      """)
    #expect(summary.format == "biosnoop" && summary.skippedLines == 0 && summary.events == 4)
    #expect(sink.series("biosnoop disk vda", "tps") == [200, 0, 0])
    #expect(sink.series("biosnoop disk vda", "await") == [250])
    #expect(sink.series("biosnoop disk vda", "aqu-sz") == [1, 0, 0])
    #expect(sink.series("biosnoop disk vdb", "tps") == [100, 0, 0])
    #expect(sink.series("biosnoop process 22177 (my back up)", "kB_rd/s") == [800])
    #expect(sink.series("biosnoop process 7 (TIME(s))", "kB_wr/s") == [100])
    #expect(sink.series("biosnoop disk vda", "ios") == [3])
    #expect(sink.series("biosnoop disk vda", "lat_max_ns") == [9_640_000])
    let half = try #require(sink.series("biosnoop disk vda", "lat_p50_ns").first)
    #expect(abs(half - 3_000_000) <= 24_000)
    #expect(
      sink.moments.prefix(3).map { $0.wall?.nanoseconds } == [
        1_795_339_851_000_000_000, 1_795_339_852_000_000_000, 1_795_339_853_000_000_000,
      ])
  }

  @Test("biosnoop of libbpf-tools and of bpftrace, old and new")
  func others() throws {
    let (libbpf, _) = try read(
      """
      TIME(s)     COMM           PID     DISK    T    SECTOR     BYTES   LAT(ms)
      0.000000    fio            1       sda     FWS  0          0         0.123
      0.100000    ?              0       R    41963894   8192      1.000

      """)
    #expect(libbpf.series("biosnoop disk sda", "await") == [12])
    #expect(libbpf.series("biosnoop disk ?", "await") == [100])
    let (old, _) = try read(
      "TIME(ms)     DISK    COMM             PID    LAT(ms)\n611          vda     bash x           4179        10\n"
    )
    #expect(old.series("biosnoop disk vda", "await") == [1000])
    let (new, _) = try read(
      """
      Attached 4 probes
      TIME(ms)     DISK ID        COMM             PID    LAT(ms)
                   MAJOR MINOR
      611          259   0        bash             4179        10
      627          259   1        cksum            4179         4

      """)
    #expect(new.series("biosnoop disk 259,0", "await") == [1000])
    #expect(new.series("biosnoop disk 259,1", "lat_max_ns") == [4_000_000])
  }

  @Test("biolatency: disks, flags, milliseconds, dictionaries of Python, bpftrace")
  func biolatency() throws {
    let bars = "|*****     |"
    let (sink, summary) = try read(
      """
      Tracing block device I/O... Hit Ctrl-C to end.
      ^C

      Bucket disk = 'vda'
           usecs               : count     distribution
               0 -> 1          : 0        \(bars)
             128 -> 255        : 12       \(bars)
             256 -> 511        : 3        \(bars)

      Bucket disk = b'vda'
           usecs               : count     distribution
             128 -> 255        : 1        \(bars)

      flags = Sync-Write
           msecs               : count     distribution
               0 -> 1          : 5        \(bars)
      {'ts': '2020-12-30 14:40:00', 'val_type': 'usecs', 'data': [{'interval-start': 0, 'interval-end': 1, 'count': 2}, {'interval-start': 2, 'interval-end': 3, 'count': 7}], 'Bucket ptr': b'sda'}

      """)
    #expect(summary.format == "latency-histogram" && summary.skippedLines == 0)
    #expect(sink.series("biolatency disk vda", "latency_le_256000_ns") == [13])
    #expect(sink.series("biolatency disk vda", "latency_le_512000_ns") == [3])
    #expect(sink.series("biolatency disk Sync-Write", "latency_le_2000000_ns") == [5])
    #expect(sink.series("biolatency disk sda", "latency_le_4000_ns") == [7])
    let (bpftrace, _) = try read(
      """
      Attaching 4 probes...
      Tracing CPU scheduler... Hit Ctrl-C to end.
      ^C

      @usecs:
      [0]                    2 |@@      |
      [1]                    3 |@@@     |
      [512, 1K)             12 |@@@@@@@@|
      [1K, 2K)               1 |        |

      """)
    #expect(bpftrace.series("runqlat task ", "latency_le_1000_ns") == [2])
    #expect(bpftrace.series("runqlat task ", "latency_le_2000_ns") == [3])
    #expect(bpftrace.series("runqlat task ", "latency_le_1024000_ns") == [12])
    #expect(bpftrace.series("runqlat task ", "latency_le_2048000_ns") == [1])
  }

  @Test("runqlat by the name of its file; a histogram of nobody is refused")
  func runqlat() throws {
    let text = """
           usecs               : count     distribution
               0 -> 1          : 2250     |****      |
               2 -> 3          : 2340     |****      |

      """
    let (sink, _) = try read(text, as: "runqlat-host.txt")
    #expect(sink.series("runqlat task ", "latency_le_4000_ns") == [2340])
    #expect {
      _ = try read(text)
    } throws: { error in
      guard case .unrecognized(let hint)? = error as? IngestError else { return false }
      return hint?.contains("no line says of which tool") ?? false
    }
  }

  @Test("runqslower: sums of a second, names with blanks, the thread before, joined blanks")
  func runqslower() throws {
    let (sink, summary) = try read(
      """
      Sun Nov 22 09:30:50 UTC 2026
      Tracing run queue latency higher than 10000 us
      TIME     COMM             TID           LAT(us) PREV COMM        PREV TID
      09:30:51 CPU 0/KVM        2842            12739 stress-ng 1      77
      09:30:51 CPU 0/KVM        2842            20000 swapper/1        0
      09:30:51 gcc              13663           12681 as               12999
      09:30:52 CPU 0/KVM        2842            11000 as               12999

      """)
    #expect(summary.format == "runqslower" && summary.skippedLines == 0 && summary.events == 4)
    #expect(sink.series("runqslower task 2842 CPU 0/KVM", "waits") == [2, 3])
    #expect(sink.series("runqslower task 2842 CPU 0/KVM", "wait_ns") == [32_739_000, 43_739_000])
    #expect(
      sink.series("runqslower task 2842 CPU 0/KVM", "longest_wait_ns") == [20_000_000, 20_000_000])
    #expect(
      sink.moments.map { $0.wall?.nanoseconds } == [
        1_795_339_851_000_000_000, 1_795_339_852_000_000_000,
      ])
    let (joined, _) = try read("TIME COMM PID LAT(us)\n17:42:49 Web Content 4590 16345\n")
    #expect(joined.series("runqslower task 4590 Web Content", "wait_ns") == [16_345_000])
  }
}

/// What QEMU and `lscpu` print.
struct AttachedFactsTests {
  @Test("query-blockstats: counters of each disk, histograms, dates between replies")
  func blockStatistics() throws {
    func reply(_ reads: Int) -> String {
      """
      {"return": [{"device": "drive0", "node-name": "#block1", "qdev": "/machine/peripheral/datadisk/virtio-backend",
        "stats": {"rd_operations": \(reads), "wr_operations": 7, "rd_total_time_ns": 5999999, "wr_total_time_ns": 8000000,
          "rd_latency_histogram": {"boundaries": [10000000, 20000000], "bins": [\(reads), 2, 1]}},
        "parent": {"stats": {"rd_operations": 99}}},
        {"device": "", "node-name": "cd", "stats": {"rd_operations": 0, "wr_operations": 0}}], "id": "libvirt-1"}

      """
    }
    let (sink, summary) = try read(
      "1795339850\n# virsh qemu-monitor-command web1 '{\"execute\": \"query-blockstats\"}'\n"
        + reply(100)
        + "1795339860\n" + reply(160))
    #expect(summary.format == "qmp" && summary.skippedLines == 0)
    let disk = "query-blockstats disk web1 datadisk"
    #expect(sink.series(disk, "reads") == [100, 160])
    #expect(sink.series(disk, "read_ms") == [5, 5])
    #expect(sink.series(disk, "writes") == [7, 7])
    #expect(sink.series(disk, "rd_latency_le_10000000_ns") == [100, 160])
    #expect(sink.series(disk, "rd_latency_le_inf_ns") == [1, 1])
    #expect(sink.series("query-blockstats disk web1 cd", "reads") == [0, 0])
    #expect(
      sink.moments.map { $0.wall?.nanoseconds } == [
        1_795_339_850_000_000_000, 1_795_339_860_000_000_000,
      ])
  }

  @Test("lscpu -e, old and new, a CPU that is offline; the summary's nodes, or its list alone")
  func lscpu() throws {
    func places(_ text: String) throws -> [String] {
      try read(text).0.topology.cpus.map {
        "\($0.cpu) \($0.core.map { "\($0)" } ?? "-") \($0.socket.map { "\($0)" } ?? "-") \($0.node.map { "\($0)" } ?? "-")"
      }
    }
    #expect(
      try places(
        """
        CPU NODE SOCKET CORE L1d:L1i:L2:L3 ONLINE    MAXMHZ   MINMHZ
          0    0      0    0 0:0:0:0          yes 3600.0000 800.0000
          1    1      0    4 1:1:1:0          yes 3600.0000 800.0000
          2    -      -    - :::               no         -        -

        """) == ["0 0 0 0", "1 4 0 1", "2 - - -"])
    #expect(
      try places("CPU SOCKET CORE L1d:L1i:L2 ONLINE\n0   0      1    0:0:0      yes\n") == [
        "0 1 0 -"
      ])
    let summary = """
      Architecture:          x86_64
      CPU op-mode(s):        32-bit, 64-bit
      CPU(s):                4
      On-line CPU(s) list:   0-3
      Model name:            Intel(R) Xeon(R)
      """
    #expect(
      try places(summary + "\nNUMA node0 CPU(s):     0,2\nNUMA node1 CPU(s):     1,3\n")
        == ["0 - - 0", "2 - - 0", "1 - - 1", "3 - - 1"])
    #expect(
      try places(summary + "\r\n  NUMA node(s):     1\r\n")
        == ["0 - - -", "1 - - -", "2 - - -", "3 - - -"])
    #expect(throws: IngestError.self) {
      try places("Architecture:          x86_64\nNUMA node0 CPU(s):     0-999999999\n")
    }
  }
}
