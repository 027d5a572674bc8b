import Foundation
import TestSupport
import Testing
import TraceAnalysis
import TraceModel

/// Rules about queues, on pairs of traces written by hand: each speaks where it should, and is silent in a
/// twin that differs in that one thing.
struct QueueRuleTests {
  @Test("all is well: no warning")
  func well() throws {
    let found = try HandMadePair(ios: HandMadePair.steady(seconds: 4)).findings()
    for (_, words) in found { #expect(words.hasPrefix("info"), "\(words)") }
  }

  @Test("DEVICE_STALL: nothing completes for 400 ms; a single long request is none")
  func stall() throws {
    // What is issued from 1.0 s on completes at 1.4 s, one after the other.
    let stalled = try HandMadePair(
      ios: HandMadePair.steady(seconds: 3) { io, place in
        if (1_000_000..<1_400_000).contains(io.hostIssued) {
          io.device = 1_400_000 + place - io.hostIssued
        }
      }
    ).findings()
    let words = try #require(stalled["DEVICE_STALL"])
    #expect(
      words.hasPrefix("warning: 259,0 of host, below vm1, completed nothing for 39"), "\(words)")
    let slow = try HandMadePair(
      ios: HandMadePair.steady(seconds: 3) { io, place in if place == 500 { io.device = 400_000 } }
    ).findings()
    #expect(slow["DEVICE_STALL"] == nil)
  }

  @Test("RING_SATURATED: the driver gives requests back; a wait in the scheduler alone is not that")
  func ring() throws {
    func pair(requeued: Bool) throws -> [String: String] {
      try HandMadePair(
        ios: HandMadePair.steady(seconds: 3) { io, place in
          if place % 20 == 0 { (io.isRequeued, io.scheduled) = (requeued, 900) }
        }
      ).findings()
    }
    let words = try #require(try pair(requeued: true)["RING_SATURATED"])
    #expect(words.contains("gave back 5.0 % of the I/Os"), "\(words)")
    #expect(try pair(requeued: false)["RING_SATURATED"] == nil)
  }

  @Test("RING_SATURATED: of a SCSI disk the driver's queue, and its target may have been busy")
  func driverQueue() throws {
    let found = try HandMadePair(
      ios: HandMadePair.steady(seconds: 3) { io, place in
        if place % 20 == 0 { (io.isRequeued, io.scheduled) = (true, 900) }
      }, guestDevice: "8,0"
    ).findings()
    let words = try #require(found["RING_SATURATED"])
    #expect(words.contains("gave back 5.0 % of the I/Os"), "\(words)")
    #expect(!words.contains("virtio"), "\(words)")
  }

  @Test("DOUBLE_QUEUEING: both schedulers hold requests; where one of them does it is none")
  func double() throws {
    func pair(guest: Int, host: Int) throws -> [String: String] {
      try HandMadePair(
        ios: HandMadePair.steady(seconds: 3) { io, place in
          io.scheduled = guest + place % 7 * 100
          io.hostScheduled = host + place % 5 * 100
        }
      ).findings()
    }
    let words = try #require(try pair(guest: 8_000, host: 5_000)["DOUBLE_QUEUEING"])
    #expect(words.contains("3.3 of them in the guest's"), "\(words)")
    #expect(words.contains("2.1 in the host's"), "\(words)")
    #expect(try pair(guest: 8_000, host: 5)["DOUBLE_QUEUEING"] == nil)
    #expect(try pair(guest: 20, host: 5_000)["DOUBLE_QUEUEING"] == nil)
  }

  @Test("of the tail: slow in three places at once, or in one of them; it is no finding")
  func stacking() throws {
    func pair(_ scheduled: Int, _ host: Int, _ device: Int) throws -> [String: String] {
      let incident = try SmallIncident()
      try incident.add(
        HandMadePair(
          ios: HandMadePair.steady(seconds: 4) { io, place in
            if place % 40 == 0 {
              (io.scheduled, io.hostScheduled) = (scheduled, host)
              io.device += device
            }
          }))
      try incident.correlate()
      let told = try incident.file.findings()
      #expect(!told.contains { ["LATENCY_STACKING", "TAIL_AMPLIFIED"].contains($0.code.rawValue) })
      return Dictionary(
        try Findings.aboutTail(in: incident.file).map { ($0.code.rawValue, $0.sentence) },
        uniquingKeysWith: { first, _ in first })
    }
    let several = try pair(5_000, 4_000, 4_500)
    let words = try #require(several["LATENCY_STACKING"])
    #expect(words.contains("(H2) 3"), "\(words)")
    #expect(words.contains("(H4) 2") && words.contains("(H5) 3"), "\(words)")
    let one = try pair(5, 13_000, 5)
    #expect(one["LATENCY_STACKING"] == nil)
    #expect(try #require(one["TAIL_AMPLIFIED"]).contains("(H4)"))
  }

  @Test("BACKPRESSURE_COLLAPSE: more wait and less is served; a burst that is served is none")
  func collapse() throws {
    // From 2.5 s on a fifth is served, and each of it waits 100 ms.
    let collapsed = try HandMadePair(
      ios: HandMadePair.steady(seconds: 4) { io, place in
        if io.queued > 2_500_000 { io.hostScheduled = 100_000 }
      }.filter { $0.queued < 2_500_000 || $0.queued % 5 == 0 }
    ).findings()
    let words = try #require(collapsed["BACKPRESSURE_COLLAPSE"])
    #expect(words.contains("More waited and less was done"), "\(words)")
    let burst = try HandMadePair(
      ios: HandMadePair.steady(seconds: 4) { io, place in
        if io.queued > 2_500_000 { io.hostScheduled = 100_000 }
      }
    ).findings()
    #expect(burst["BACKPRESSURE_COLLAPSE"] == nil)
  }

  @Test(
    "NOT_EXPLAINED: the disk is slower at the same load; with a neighbour's requests it is explained"
  )
  func unexplained() throws {
    let ios = HandMadePair.steady(seconds: 4) { io, _ in
      if io.queued > 2_000_000 { io.device += 300 }
    }
    let words = try #require(try HandMadePair(ios: ios).findings()["NOT_EXPLAINED"])
    #expect(words.contains("on the host's disk (H4 and H5)"), "\(words)")
    #expect(words.contains("1.0"), "\(words)")
    let foreign = (0..<1_600).map { HandMadePair.Foreign(queued: 2_000_000 + 1_250 * $0) }
    let shared = try HandMadePair(ios: ios, foreign: foreign).findings()
    #expect(shared["NOT_EXPLAINED"] == nil)
    #expect(try #require(shared["NOISY_DISK_NEIGHBOUR"]).contains("rsync"))
    #expect(
      try HandMadePair(ios: HandMadePair.steady(seconds: 4)).findings()["NOT_EXPLAINED"] == nil)
  }

  @Test("NOISY_DISK_NEIGHBOUR on one host, though another's guest has a thread of its number")
  func neighbourOfTwoHosts() throws {
    let foreign = (0..<1_600).map { HandMadePair.Foreign(queued: 2_000_000 + 1_250 * $0) }
    let incident = try SmallIncident()
    try incident.add(
      HandMadePair(
        ios: HandMadePair.steady(seconds: 4) { io, _ in
          if io.queued > 2_000_000 { io.device += 300 }
        }, foreign: foreign))
    // 900 is rsync where the disk is, and a vCPU where it is not.
    let switches = (0..<200).map { number in
      let (idle, vcpu) = ("swapper/1 0", "CPU 0/KVM 900")
      let (from, to) = number % 2 == 0 ? (idle, vcpu) : (vcpu, idle)
      func named(_ side: String, _ text: String) -> String {
        let tid = text.split(separator: " ").last ?? ""
        return "\(side)_comm=\(text.dropLast(tid.count + 1)) \(side)_pid=\(tid) \(side)_prio=120"
      }
      let comm = from.dropLast((from.split(separator: " ").last?.count ?? 0) + 1)
      let tid = from.split(separator: " ").last ?? ""
      return
        "\(comm) \(tid) [001] 100.\(String(1_000_000 + number * 500).dropFirst()): sched:sched_switch: "
        + "\(named("prev", from)) prev_state=S ==> \(named("next", to))\n"
    }
    try incident.add(switches.joined(), "host", "other", path: "sched.txt")
    try incident.add(
      "    PID     TID PSR COMMAND\n    899     900   1 CPU 0/KVM\n", "host", "other",
      path: "threads.txt")
    #expect(try incident.findings()["NOISY_DISK_NEIGHBOUR"]?.contains("rsync") == true)
    // Nor does vm1 run there, whose disk is on the other host.
    #expect(
      try incident.rows("SELECT machine, guest FROM thread_wait WHERE tid = 900")
        == ["other,pid 899"])
  }
}
