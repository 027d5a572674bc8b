import Testing
import TraceModel

@testable import TraceReport

struct EvidenceTextTests {
  @Test(
    "a value is shown in the unit of its name",
    arguments: [
      ("wait_ns", "12905315699", "12.905 s"), ("lost_pct", "24.481260748585065", "24.5 %"),
      ("ios", "1416", "1,416"), ("pids", "3130", "3130"), ("host_request_id", "123456", "123456"),
      ("used_cpus", "0.6667076", "0.667"), ("setting_value", "200.0", "200"),
      ("rate_per_us", "0.000199795", "0.000199795"), ("depth", "7.4731", "7.473"),
      ("neighbour", "stress-ng-cpu", "stress-ng-cpu"), ("neighbour", "inf", "inf"),
    ])
  func value(column: String, value: String, text: String) {
    let rows = EvidenceText.rows(.init(columns: [column, "none"], rows: [[value, nil]]))
    #expect(rows.count == 1 && rows[0].map(\.name) == [column])
    #expect(rows[0].map(\.value) == [text])
  }
}
