import Testing
import TraceModel

@testable import TraceCorrelation

/// What another CPU could have taken of a wait.
struct AvoidableWaitsTests {
  private static func slice(
    _ thread: Int64, cpu: Int32, from: Int64, run: Int64, wait: Int64 = .min, waitCPU: Int32 = -1
  ) -> ThreadSlice {
    var slice = ThreadSlice()
    (slice.thread, slice.cpu, slice.began) = (thread, cpu, from)
    (slice.run, slice.wait, slice.waitCPU) = (run, wait, waitCPU)
    return slice
  }

  /// The idle tasks of CPU 0 to 3 are 100 to 103. Thread 7 waits on CPU 0 from 100 to 1000, while CPU 1 is idle from 200 to
  /// 500 and CPU 2 from 400 to 700.
  private static let slices = [
    slice(100, cpu: 0, from: 0, run: 150), slice(101, cpu: 1, from: 200, run: 300),
    slice(102, cpu: 2, from: 400, run: 300), slice(7, cpu: 0, from: 1000, run: 50, wait: 900),
    slice(103, cpu: 3, from: 0, run: 2000),
  ]

  private static func sum(_ allowed: [Int32]) -> AvoidableWaits.Sum? {
    var waits = AvoidableWaits(allowed: [7: allowed], idle: [100, 101, 102, 103])
    for slice in slices { waits.add(slice) }
    waits.settle(before: nil)
    return waits.sums[7]
  }

  @Test("each moment counts once, however many CPUs are idle; the CPU that it waits for does not")
  func once() {
    let sum = Self.sum([0, 1, 2])
    #expect(sum?.waited == 900 && sum?.avoidable == 500)
    #expect(sum?.idle == [1: 300, 2: 300])
  }

  @Test("a CPU that it may not use is none, and a pinned thread could not have moved")
  func allowed() {
    #expect(Self.sum([0, 1])?.avoidable == 300)
    #expect(Self.sum([0])?.avoidable == 0 && Self.sum([0])?.waited == 900)
    // Idle all the time.
    #expect(Self.sum([0, 3])?.avoidable == 900)
  }

  @Test("settled piece by piece it is the same, and what is over is let go")
  func pieces() {
    var waits = AvoidableWaits(allowed: [7: [0, 1, 2, 3]], idle: [100, 101, 102])
    for slice in Self.slices.dropLast() { waits.add(slice) }
    waits.settle(before: 900)
    #expect(waits.sums[7]?.waited == 0, "its wait is not over before 900")
    waits.settle(before: 1050)
    #expect(waits.sums[7]?.avoidable == 500)
    // On CPU 1 it waits from 1100 to 2000, and CPU 2 is idle from 1050 to 1500.
    waits.add(Self.slice(102, cpu: 2, from: 1050, run: 450))
    waits.add(Self.slice(7, cpu: 0, from: 2000, run: 1, wait: 900, waitCPU: 1))
    waits.settle(before: nil)
    #expect(waits.sums[7]?.waited == 1800 && waits.sums[7]?.avoidable == 900)
  }
}

struct CPUSetTests {
  @Test("a list comes back as the kernel writes it; what is no list is none")
  func lists() {
    #expect(CPUSet(list: "0-3,6")?.sorted == [0, 1, 2, 3, 6])
    #expect(CPUSet(list: "6,0,1,2,3,300")?.list == "0-3,6,300")
    for bad in ["", "a", "3-1", "-1", "1,", "0-9000", "1-2-3"] {
      #expect(CPUSet(list: bad) == nil, "\(bad)")
    }
  }
}
