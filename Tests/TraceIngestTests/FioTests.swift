import Foundation
import Testing
import TraceModel

@testable import TraceIngest

private func read(_ text: String, as name: String = "fio.txt") throws -> (
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

/// fio's sums in all of its forms, and generations of each.
struct FioTests {
  @Test("JSON of fio 3: counts, means and quantiles, at the begin and end of the job")
  func json() throws {
    let (sink, summary) = try read(
      """
      fio: terminating on signal 2
      {
        "fio version" : "fio-3.28",
        "timestamp" : 1795339860,
        "timestamp_ms" : 1795339860123,
        "jobs" : [
          {
            "jobname" : "db", "groupid" : 0, "error" : 0,
            "job options" : { "rw" : "randwrite", "bs" : "4k" },
            "read" : { "io_bytes" : 0, "total_ios" : 0, "runtime" : 0 },
            "write" : {
              "io_bytes" : 4096000, "bw" : 400, "iops" : 99.990001, "runtime" : 10001, "total_ios" : 1000,
              "slat_ns" : { "min" : 1000, "max" : 90000, "mean" : 5000.123456, "N" : 1000 },
              "clat_ns" : { "min" : 1000, "max" : 9000000, "mean" : 1995500.250000, "N" : 1000,
                "percentile" : { "50.000000" : 1900544, "99.000000" : 8028160, "99.900000" : 8978432, "99.990000" : 9 } },
              "lat_ns" : { "min" : 40000, "max" : 9011234, "mean" : 2000500.500000, "stddev" : 1e3, "N" : 1000 }
            }
          }
        ]
      }

      """, as: "fio.json")
    #expect(summary.format == "fio" && summary.skippedLines == 0)
    let object = "fio process db write 4096"
    #expect(sink.series(object, "ios") == [0, 1000])
    #expect(sink.series(object, "latency_ns") == [0, 2_000_500_500])
    #expect(sink.series(object, "lat_max_ns") == [9_011_234])
    #expect(sink.series(object, "clat_p50_ns") == [1_900_544])
    #expect(sink.series(object, "clat_p99_ns") == [8_028_160])
    #expect(sink.series(object, "clat_p999_ns") == [8_978_432])
    #expect(
      sink.moments.map(\.wall?.nanoseconds) == [
        1_795_339_850_122_000_000, 1_795_339_860_123_000_000,
      ])
  }

  @Test("JSON of fio 2: microseconds and KiB; a cut text keeps what stands before the cut")
  func oldJSON() throws {
    let run = """
      { "fio version" : "fio-2.16", "timestamp" : 1795339860, "jobs" : [ { "jobname" : "db", "groupid" : 0,
        "read" : { "io_bytes" : 4000, "runtime" : 10000, "total_ios" : 1000,
          "clat" : { "max" : 900, "mean" : 100.25, "percentile" : { "99.000000" : 800, "0.00" : 0 } },
          "lat" : { "max" : 901, "mean" : 101.50 } } } ] }

      """
    let (sink, _) = try read(run)
    #expect(sink.series("fio process db read 4096", "latency_ns") == [0, 101_500_000])
    #expect(sink.series("fio process db read 4096", "clat_p99_ns") == [800_000])
    // As with --status-interval.
    let (cut, summary) = try read(String(repeating: run, count: 10) + run.prefix(150))
    #expect(
      cut.series("fio process db read 4096", "ios") == [0] + Array(repeating: 1000, count: 10))
    #expect(summary.skippedLines == 1)
  }

  @Test("text of fio 3 and of fio 2, with CRLF")
  func text() throws {
    let new = """
      db: (g=0): rw=randrw, bs=(R) 16.0KiB-16.0KiB, (W) 4096B-4096B, (T) 4096B-4096B, ioengine=libaio, iodepth=16
      fio-3.28
      Starting 1 process

      db: (groupid=0, jobs=1): err= 0: pid=1234: Sun Nov 22 09:31:00 2026
        read: IOPS=100, BW=1638KiB/s (1677kB/s)(16.0MiB/10001msec)
          slat (usec): min=2, max=100, avg= 5.11, stdev= 2.10
          clat (msec): min=1, max=20, avg= 3.00, stdev= 2.10
           lat (msec): min=1, max=21, avg= 3.25, stdev= 2.10
          clat percentiles (usec):
           |  1.00th=[   30],  5.00th=[   38], 50.00th=[   52], 95.00th=[   99],
           | 99.00th=[12387], 99.50th=[    1], 99.90th=[20055], 99.95th=[    2]
         bw (  KiB/s): min= 1000, max= 2000, per=100.00%, avg=1638.00, stdev= 0.00, samples=20
        write: IOPS=308, BW=1234KiB/s (1264kB/s)(12.1MiB/10001msec); 0 zone resets
           lat (nsec): min=400, max=90123, avg=5100.50, stdev=12.00
        lat (usec)   : 50=0.01%, 100=99.99%
        cpu          : usr=0.10%, sys=0.20%, ctx=1, majf=0, minf=1
        IO depths    : 1=100.0%, 2=0.0%, 4=0.0%
           issued rwts: total=1000,3086,0,0 short=0,0,0,0 dropped=0,0,0,0

      Run status group 0 (all jobs):
        WRITE: bw=1234KiB/s (1264kB/s), 1234KiB/s-1234KiB/s (1264kB/s-1264kB/s), io=12.1MiB (12.6MB), run=10001-10001msec

      Disk stats (read/write):
        vdb: ios=0/3086, merge=0/0, ticks=0/1, in_queue=1, util=0.10%

      """
    let old = """
      old: (g=0): rw=write, bs=4K-4K/8K-8K/4K-4K, ioengine=sync, iodepth=1
      fio-2.16
      Starting 1 process

      old: (groupid=0, jobs=1): err= 0: pid=7: Sun Nov 22 09:31:00 2026
        write: io=10240KB, bw=1023.9KB/s, iops=127, runt= 10001msec
          lat (usec): min=9, max=46.2K, avg=77.50, stdev= 2.00
          issued    : total=r=0/w=1280/d=0, short=r=0/w=0/d=0, drop=r=0/w=0/d=0

      """
    for text in [new + old, (new + old).replacingOccurrences(of: "\n", with: "\r\n")] {
      let (sink, summary) = try read(text)
      #expect(summary.format == "fio" && summary.skippedLines == 0)
      #expect(sink.series("fio process db read 16384", "ios") == [0, 1000])
      #expect(sink.series("fio process db read 16384", "latency_ns") == [0, 3_250_000_000])
      #expect(sink.series("fio process db read 16384", "clat_p50_ns") == [52_000])
      #expect(sink.series("fio process db read 16384", "clat_p99_ns") == [12_387_000])
      #expect(sink.series("fio process db read 16384", "clat_p999_ns") == [20_055_000])
      #expect(sink.series("fio process db write 4096", "latency_ns") == [0, 15_740_143])
      #expect(sink.series("fio process db write 4096", "lat_max_ns") == [90_123])
      #expect(sink.series("fio process old write 8192", "latency_ns") == [0, 99_200_000])
      #expect(sink.series("fio process old write 8192", "lat_max_ns") == [46_200_000])
      let walls = sink.moments.compactMap { $0.wall?.nanoseconds }
      #expect(walls.min() == 1_795_339_849_999_000_000)
      #expect(walls.max() == 1_795_339_860_000_000_000)
    }
  }

  @Test("terse lines of the versions 3, 4 and 5", arguments: [3, 4, 5])
  func terse(_ version: Int) throws {
    /// KiB, KiB/s, IOPS, ms; slat and clat; quantiles; lat; bandwidth.
    func way(_ runtime: Int, _ mean: String) -> [String] {
      var fields = [
        "40960", "4096", "1024", "\(runtime)", "1", "2", "1.5", "0.1", "3", "4", "3.5", "0.1",
      ]
      fields += ["1.000000%=10", "50.000000%=20", "99.000000%=300", "99.900000%=400"]
      fields += Array(repeating: "0%=0", count: 16)
      fields += ["5", "900", mean, "1.000000", "1", "2", "100.000000%", "1.5", "0.5"]
      if version == 5 { fields += ["20", "1", "2", "1.5", "0.5", "20"] }
      return fields
    }
    var fields =
      ["\(version)", "fio-3.28", "db", "0", "0"] + way(0, "0.000000") + way(10_001, "123.456000")
    if version > 3 { fields += way(0, "0.000000") }
    fields += ["1.0%", "2.0%", "3", "0", "4"]
    let (sink, summary) = try read(fields.joined(separator: ";") + "\n")
    #expect(summary.format == "fio" && summary.events == 1)
    #expect(sink.series("fio process db write", "mean_ns") == [123_456])
    #expect(sink.series("fio process db write", "clat_p99_ns") == [300_000])
    #expect(sink.series("fio process db write", "lat_max_ns") == [900_000])
    #expect(sink.series("fio process db read", "mean_ns") == [])
    // Cut within the numbers of the writes.
    #expect(throws: IngestError.self) { try read(fields.prefix(60).joined(separator: ";") + "\n") }
  }
}
