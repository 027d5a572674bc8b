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

/// What libvirt and fio print.
struct AttachedToolsTests {
  @Test("domstats: vCPUs as their threads' schedstat, disks as diskstats, guest by guest")
  func domstats() throws {
    func reading(_ time: Int, _ grown: Int) -> String {
      """
      \(1_795_339_853 + time)
      Domain: 'web1'
        state.state=1
        cpu.time=1702145606000
        vcpu.current=1
        vcpu.0.state=1
        vcpu.0.time=\(955_260_000_000 + 100 * grown)
        vcpu.0.wait=0
        vcpu.0.delay=\(1_305_744_538 + grown)
        block.count=1
        block.0.name=vda
        block.0.path=/images/web1.qcow2
        block.0.rd.reqs=\(100 + grown)
        block.0.rd.times=\(5_000_000 * (1 + grown))
        block.0.wr.reqs=7
        block.0.wr.times=9000000
      Domain: 'web2'
        vcpu.0.time=5
        vcpu.0.delay=\(6 + grown)


      """
    }
    let (sink, summary) = try read(reading(0, 0) + reading(1, 30))
    #expect(summary.format == "domstats" && summary.skippedLines == 0)
    #expect(
      sink.series("task-schedstat task 0 CPU 0/KVM web1", "wait_ns") == [
        1_305_744_538, 1_305_744_568,
      ])
    #expect(sink.series("task-schedstat task 0 CPU 0/KVM web2", "wait_ns") == [6, 36])
    #expect(sink.series("domstats disk web1 vda", "reads") == [100, 130])
    #expect(sink.series("domstats disk web1 vda", "read_ms") == [5, 155])
    #expect(Set(sink.moments.map(\.wall?.nanoseconds)).count == 2)
  }

  @Test("fio's log of latencies: sums of each second by direction and size, from 0 on")
  func fioLog() throws {
    let (sink, summary) = try read(
      """
      1795339819076, 12000, 1, 4096, 0
      1795339819094, 3000, 1, 4096, 4096, 0
      1795339819095, 500, 0, 16384
      1795339820001, 1000, 1, 4096, 0
      1795339822500, 2000, 1, 4096, 0

      """, as: "fiolog_lat.1.log")
    #expect(summary.format == "fio-log" && summary.skippedLines == 0 && summary.events == 5)
    #expect(sink.series("fio lat process fiolog_lat.1 write 4096", "ios") == [0, 2, 3, 4])
    #expect(
      sink.series("fio lat process fiolog_lat.1 write 4096", "latency_ns") == [
        0, 15_000, 16_000, 18_000,
      ])
    #expect(sink.series("fio lat process fiolog_lat.1 read 16384", "ios") == [0, 1, 1, 1])
    #expect(
      sink.moments.map { ($0.wall?.nanoseconds ?? 0) / 1_000_000_000 } == [
        1_795_339_819, 1_795_339_820, 1_795_339_821, 1_795_339_823,
      ])
    // Of a file with another name nobody knows what the values are.
    #expect(throws: IngestError.self) {
      try read("1795339819076, 12000, 1, 4096, 0\n", as: "x.log")
    }
    let (own, _) = try read("18, 12000, 1, 4096, 0\n", as: "job_clat.2.log")
    #expect(own.series("fio clat process job_clat.2 write 4096", "ios") == [0, 1])
    #expect(own.moments.allSatisfy { $0.wall == nil })
  }
}
