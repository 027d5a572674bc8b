import Testing
import TraceModel

struct ClockDriftTests {
  @Test("there and back again a moment is the same", arguments: [-450.0, 0, 55, 20_000])
  func inverse(drift: Double) {
    let (own, offset) = (3.6e12, -7.25e9)
    let reference = own + offset + ClockDrift.gain(drift, over: own)
    let back = ClockDrift.inverse(offset: offset, drift: drift)
    let again = reference + back.offset + ClockDrift.gain(back.drift, over: reference)
    #expect(abs(again - own) < 0.01, "\(again)")
  }
}
