import Foundation
import TestSupport
import Testing

struct QEMUReportTests {
  @Test("the report says how long requests were inside QEMU, and the views keep each of them")
  func report() throws {
    let folder = try Repository.temporaryFolder()
    let incident = folder.appending(path: "incident.db").path
    let log = Repository.fixtures.appending(path: "qemu-log/every-event-of-a-read")
    #expect(
      try Program.run("ingest", incident, "input.txt", "--host", "kvm7", in: log).status == 0)
    let report = try Program.run("report", incident)
    #expect(report.words.contains("Inside QEMU"), "\(report.output) \(report.errors)")
    #expect(report.words.contains("kvm7, disk at 0x55813c2ef450, us:"))
    #expect(report.words.contains("read return 1 4,362.0 4,362.0 4,362.0 4,362.0 4,362.0"))
    #expect(report.wideLines.isEmpty)
    #expect(
      try Program.value(
        incident,
        """
        SELECT machine || op || sector || ' ' || (handled_ns - popped_ns) || ' '
          || (submitted_ns - handled_ns) || ' ' || (done_ns - handled_ns) || ' '
          || (completed_ns - done_ns) || ' ' || (returned_ns - completed_ns) || ' ' || line
        FROM qemu_request
        """) == "kvm7read8 16000 85000 656000 8000 4362000 3")
  }
}
