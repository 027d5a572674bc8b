import Foundation
import TestSupport
import Testing

/// A host's device beside the one that a guest's disk lies on.
struct UnmappedStallTests {
  /// A guest's and a host's trace, and in the host's requests of another device, 1,000 us each; those of the time
  /// that is given complete at its end.
  private static func incident(stalled: Range<Int>) throws -> MadeIncident {
    let pair = HandMadePair.every10ms(300, seed: 5)
    var number = 0
    let others = (0..<600).flatMap { place -> [(at: Int, text: String)] in
      let at = 5_000 * place
      let end = stalled.contains(at) ? stalled.upperBound + place : at + 1_000
      return [(at, "Q", "[cp]"), (at + 5, "D", "[cp]"), (end, "C", "[0]")].map { at, action, task in
        (at, "700  \(action)   W \(512 * place) + 256 \(task)")
      }
    }.sorted { $0.at < $1.at }.map { event -> (at: Int, text: String) in
      number += 1
      return (event.at, "8,32 1 \(number) \(HandMadePair.seconds(event.at))000 \(event.text)")
    }
    let own = pair.host.split(separator: "\n").map { line -> (at: Int, text: String) in
      let time = line.split(separator: " ")[3].split(separator: ".")
      return ((Int(time[0]) ?? 0) * 1_000_000 + (Int(time[1].prefix(6)) ?? 0), String(line))
    }
    let text = (own + others).sorted { $0.at < $1.at }.map { $0.text + "\n" }.joined()
    let incident = try MadeIncident()
    try incident.add(pair.guest, "guest", "vm1")
    try incident.add(text, "host", "h")
    return incident
  }

  @Test(
    "DEVICE_STALL of a device that no guest's disk is mapped to; it says so, and is no critical one"
  )
  func unmapped() throws {
    let incident = try Self.incident(stalled: 1_000_000..<2_200_000)
    #expect(
      try incident.rows("SELECT DISTINCT guest, host_device FROM device_map") == ["vm1,\"259,0\""])
    let words = try #require(try incident.findings()["DEVICE_STALL"])
    #expect(
      words.hasPrefix(
        "warning: 8,32 of h, to which no guest's disk is mapped, completed nothing for 1."),
      "\(words)")
  }

  @Test("a device that goes on is none")
  func goesOn() throws {
    let found = try Self.incident(stalled: 0..<0).findings()
    #expect(found["DEVICE_STALL"] == nil, "\(found)")
  }
}
