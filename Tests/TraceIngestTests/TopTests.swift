import Foundation
import Testing
import TraceModel

@testable import TraceIngest

private func read(_ text: String) throws -> (RecordedCounters, SourceSummary) {
  let folder = FileManager.default.temporaryDirectory
    .appending(path: "hiddenq-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: folder) }
  let path = folder.appending(path: "file.txt").path
  try Data(text.utf8).write(to: URL(filePath: path))
  let sink = RecordedCounters()
  return (sink, try IngestRun(source: ByteSource(path: path)).read(into: sink))
}

/// `top -b` of procps 3.2 to 4, in hundredths as they are stored.
struct TopTests {
  /// 2026-11-22T09:30:50Z.
  private let begin: Int64 = 1_795_339_850_000_000_000

  private static let list =
    "    PID USER      PR  NI    VIRT    RES    SHR S  %CPU  %MEM     TIME+ COMMAND\n"

  private static func report(_ time: String, _ cpu: String, _ rows: String...) -> String {
    """
    top - \(time) up 3 days,  1:02,  2 users,  load average: 0.10, 0.20, 0.30
    Tasks: 123 total,   1 running, 122 sleeping,   0 stopped,   0 zombie
    \(cpu)
    MiB Mem :   1970.4 total,    200.1 free,    900.2 used,    870.1 buff/cache
    MiB Swap:      0.0 total,      0.0 free,      0.0 used.   1000.0 avail Mem

    \(list)\(rows.map { $0 + "\n" }.joined())

    """
  }

  private static let qemu = "   2832 qemu      20   0 3145728 1.2g   20480 S "
  private static let idle =
    "      1 root      20   0   19636   2616   2292 S   0.0   0.3   0:00.96 systemd"

  @Test("reports behind a date: the first is the mean since boot, the day comes from the date")
  func dated() throws {
    let (sink, summary) = try read(
      "Sun Nov 22 09:30:50 UTC 2026\n"
        + Self.report(
          "09:30:50",
          "%Cpu(s):  1.0 us,  2.0 sy,  0.0 ni, 97.0 id,  0.0 wa,  0.0 hi,  0.0 si,  0.0 st",
          Self.qemu + " 12.0  30.1   9:11.12 qemu-system-x86", Self.idle)
        + Self.report(
          "09:30:51",
          "%Cpu(s): 60.9 us,  2.0 sy,  0.5 ni, 30.2 id,  5.0 wa,  0.1 hi,  1.0 si,  0.3 st",
          Self.qemu + " 78.0  30.1   9:11.90 qemu-system-x86", Self.idle)
        + Self.report(
          "09:30:52",
          "%Cpu(s):100.0 us,  0.0 sy,  0.0 ni,  0.0 id,  0.0 wa,  0.0 hi,  0.0 si,  0.0 st",
          Self.idle))
    #expect(summary.format == "top" && summary.skippedLines == 0)
    #expect(sink.series("top machine ", "%usr") == [100, 6090, 10_000])
    #expect(sink.series("top machine ", "%idle") == [9700, 3020, 0])
    #expect(sink.series("top machine ", "%iowait") == [0, 500, 0])
    #expect(sink.series("top machine ", "%steal") == [0, 30, 0])
    #expect(sink.series("top process 2832 (qemu-system-x86)", "%CPU") == [1200, 7800])
    #expect(sink.series("top process 1 (systemd)", "%CPU") == [])
    #expect(sink.samples(of: .sinceBoot) == 9)
    #expect(
      sink.moments.map { $0.wall?.nanoseconds } == [
        begin, begin + 1_000_000_000, begin + 2_000_000_000,
      ])
  }

  @Test("CPUs apart, two in a line, words and commas of other languages, midnight")
  func variants() throws {
    let (sink, summary) = try read(
      "2026-11-22 23:59:58 UTC\n"
        + Self.report(
          "23:59:58",
          "%Cpu0  :  1,0 ut,  2,0 sy,  0,0 ni, 97,0 id,  0,0 wa,  0,0 hi,  0,0 si,  0,0 st")
        + Self.report(
          "23:59:59",
          "%Cpu0  :  0,0 ut,100,0 sy,  0,0 ni,  0,0 id,  0,0 wa,  0,0 hi,  0,0 si,  0,0 st    %Cpu1  : 50,5 ut,  0,0 sy,  0,0 ni, 49,5 id,  0,0 wa,  0,0 hi,  0,0 si,  0,0 st"
        )
        + Self.report(
          "00:00:00",
          "%Cpu0  :  3,0 ut,  0,0 sy,  0,0 ni, 97,0 id,  0,0 wa,  0,0 hi,  0,0 si,  0,0 st"))
    #expect(summary.skippedLines == 0)
    #expect(sink.series("top cpu 0", "%usr") == [100, 0, 300])
    #expect(sink.series("top cpu 0", "%sys") == [200, 10_000, 0])
    #expect(sink.series("top cpu 1", "%usr") == [5050])
    let walls = sink.moments.compactMap { $0.wall?.nanoseconds }
    #expect(walls.count == 3 && walls[2] - walls[0] == 2_000_000_000)
  }

  @Test("procps 3.2 without dates, with CRLF; a process that is called like a header")
  func old() throws {
    func report(_ user: String, _ share: String) -> String {
      """
      top - 14:46:31 up 1 min,  1 user,  load average: 0.10, 0.20, 0.30
      Tasks: 105 total,   1 running, 103 sleeping,   1 stopped,   0 zombie
      Cpu(s): \(user)%us,  0.0%sy,  0.0%ni, \(share)%id,  0.0%wa,  0.0%hi,  0.0%si,  0.0%st
      Mem:   4049856k total,   721244k used,  3328612k free,   137356k buffers
      Swap:        0k total,        0k used,        0k free,   447560k cached

        PID USER      PR  NI  VIRT  RES  SHR S %CPU %MEM    TIME+  COMMAND
       4016 apache    20   0  581m  13m 6876 R \(user)  0.3   0:19.33 top - 14:46:31 up 1 min
       4017 apache    20   0  581m  13m 6876 R  0.5  0.3   0:19.33 PID USER %CPU COMMAND


      """
    }
    let text = report(" 1.0", "99.0") + report("40.0", "60.0") + report("50.5", "49.5")
    let (sink, summary) = try read(text.replacingOccurrences(of: "\n", with: "\r\n"))
    #expect(summary.format == "top" && summary.skippedLines == 0)
    #expect(sink.series("top machine ", "%usr") == [100, 4000, 5050])
    #expect(sink.series("top process 4016 (top - 14:46:31 up 1 min)", "%CPU") == [100, 4000, 5050])
    #expect(sink.series("top process 4017 (PID USER %CPU COMMAND)", "%CPU") == [50, 50, 50])
    #expect(sink.moments.count == 3 && sink.moments.allSatisfy { $0.wall == nil })
  }

  @Test("threads, columns in another order, and a report cut in a row")
  func columns() throws {
    let head =
      "Threads:  12 total,   1 running\n%Cpu(s):  1.0 us,  2.0 sy,  0.0 ni, 97.0 id,  0.0 wa,  0.0 hi,  0.0 si,  0.0 st\n\n"
    let top = "top - 14:46:31 up 1 min,  1 user,  load average: 0.10, 0.20, 0.30\n"
    let (sink, _) = try read(
      top + head + "%CPU S    PID COMMAND         USER\n 3.0 R   2842 CPU             qemu\n\n"
        + top + head + "%CPU S    PID COMMAND         USER\n77.5 R   2842 CPU             qemu\n"
        + String(repeating: " 0.0 S      1 systemd         root\n", count: 12) + " 1.0 R   28")
    #expect(sink.series("top task 2842 CPU", "%CPU") == [300, 7750])
  }

  @Test("one report is refused by name, and so is the top of busybox")
  func refused() throws {
    let one = Self.report(
      "09:30:50", "%Cpu(s):  1.0 us,  2.0 sy,  0.0 ni, 97.0 id,  0.0 wa,  0.0 hi,  0.0 si,  0.0 st",
      Self.qemu + " 12.0  30.1   9:11.12 qemu-system-x86")
    for (text, words) in [
      (one, "this is top without a report of an interval"),
      (
        "Mem: 45416K used, 80000K free, 0K shrd, 100K buff, 2000K cached\nCPU:   5% usr   2% sys   0% nic  92% idle   0% io   0% irq   0% sirq\n  PID  PPID USER     STAT   VSZ %VSZ CPU %CPU COMMAND\n    1     0 root     S     1000   1%   0   0% init\n",
        "this is top of busybox"
      ),
    ] {
      #expect {
        _ = try read(text)
      } throws: { error in
        guard case .unrecognized(let hint)? = error as? IngestError else { return false }
        return hint?.hasPrefix(words) ?? false
      }
    }
  }
}
