import Testing
import TraceModel

@testable import TraceCorrelation

/// How readings of a growing counter become one series.
struct CounterGrowthTests {
  private static func series(
    _ source: Int64, _ readings: [(wall: Int64?, value: Int64)]
  ) -> [CounterReading] {
    readings.enumerated().map { ordinal, reading in
      CounterReading(
        source: source, ordinal: Int64(ordinal), wall: reading.wall, value: reading.value)
    }
  }

  @Test("last minus first, over files whose dates follow each other in any order of reading")
  func filesInTimeOrder() {
    let later = Self.series(1, [(200, 40), (300, 55)])
    let earlier = Self.series(2, [(0, 10), (100, 17)])
    let growth = CounterGrowth(later + earlier)
    #expect(growth?.growth == 45)
    #expect(growth?.readings == 4)
    #expect(growth?.from == 0)
    #expect(growth?.to == 300)
    #expect(growth?.resets == 0)
  }

  @Test("two loops side by side count no interval twice, and look like no reset")
  func overlap() {
    let long = Self.series(1, [(0, 100), (10, 110), (20, 120), (30, 130)])
    // Dated before its values were read.
    let short = Self.series(2, [(9, 112), (19, 119)])
    let tail = Self.series(3, [(25, 126), (40, 145)])
    let growth = CounterGrowth(long + short + tail)
    #expect(growth?.growth == 45)
    #expect(growth?.resets == 0)
    #expect(growth?.readings == 5)
  }

  @Test("a reset starts again at 0, a counter of 32 bits wraps")
  func resets() {
    let reset = CounterGrowth(Self.series(1, [(0, 100), (1, 130), (2, 7), (3, 9)]))
    #expect(reset?.growth == 39)
    #expect(reset?.resets == 1)
    let wrap = CounterGrowth(Self.series(1, [(0, 4_294_967_290), (1, 10)]))
    #expect(wrap?.growth == 16)
    #expect(wrap?.resets == 0)
  }

  @Test("files without dates are put in the order of their values")
  func undated() {
    let after = Self.series(1, [(nil, 500)])
    let before = Self.series(2, [(nil, 420)])
    let growth = CounterGrowth(after + before)
    #expect(growth?.growth == 80)
    #expect(growth?.from == nil)
    #expect(CounterGrowth(Self.series(1, [(nil, 5)]) + Self.series(2, [(nil, 5)]))?.growth == 0)
  }

  @Test("a single reading grows by nothing that is known")
  func single() {
    #expect(CounterGrowth(Self.series(1, [(0, 17)])) == nil)
    #expect(CounterGrowth([]) == nil)
  }

  @Test("a fall that its reading does not bear out is no reset; nor one of a tick")
  func stepBack() {
    let readings = Self.series(1, [(0, 5000), (1, 5100), (2, 400), (3, 450)])
    #expect(CounterGrowth(readings) { _, _ in false }?.growth == 150)
    #expect(CounterGrowth(readings) { _, _ in false }?.resets == 0)
    #expect(CounterGrowth(readings)?.growth == 550)
    let tick = CounterGrowth(Self.series(1, [(0, 5000), (1, 4999), (2, 5001)]))
    #expect(tick?.growth == 1)
    #expect(tick?.resets == 0)
    // Broken for a moment: what it shows then is left out, and what it comes back to is no growth.
    let broken = Self.series(1, [(0, 5000), (1, 0), (2, 5020)])
    #expect(CounterGrowth(broken) { _, _ in false }?.growth == 20)
  }

  @Test("32 bits run over only by less than half of them")
  func wraps() {
    #expect(CounterSeries.wrap(4_294_967_290, 10) == 16)
    #expect(CounterSeries.wrap(3_000_000_000, 2_999_999_999) == nil)
    #expect(CounterSeries.wrap(3_000_000_000, 10) == 1_294_967_306)
    #expect(CounterSeries.wrap(2_147_483_648, 0) == nil)
    #expect(CounterSeries.wrap(4_294_967_296, 0) == nil)
    var extreme = CounterSeries(.min)
    #expect(extreme.step(to: .max, isReset: false).growth == .max)
    #expect(extreme.step(to: .min, isReset: true).growth == 0)
  }

  @Test("all that was counted since the interface came up, where it was read but once")
  func sinceUp() {
    #expect(CounterGrowth(sinceUp: Self.series(1, [(0, 17)]))?.growth == 17)
    #expect(CounterGrowth(sinceUp: Self.series(1, [(0, 17), (1, 18)])) == nil)
  }
}

/// What names of `ethtool -S` mean.
struct DriverCounterTests {
  private static func counter(_ name: String, _ queue: String? = nil) -> String {
    guard let counter = DriverCounter(name, queue: queue) else { return "nothing" }
    return "\(counter.isReceive ? "rx" : "tx") \(counter.kind) \(counter.name)"
  }

  @Test(
    "by driver",
    arguments: [
      // ixgbe, igb, e1000e
      ("rx_dropped", "rx dropped rx_dropped"), ("rx_missed_errors", "rx missed rx_missed_errors"),
      ("rx_no_buffer_count", "rx shortage rx_no_buffer_count"),
      ("rx_no_dma_resources", "rx missed rx_no_dma_resources"),
      ("tx_packets", "tx packets tx_packets"),
      ("rx_queue_12_packets", "rx packets rx_queue_N_packets"), ("fdir_miss", "nothing"),
      ("rx_fdir_miss", "nothing"), ("rx_csum_offload_errors", "nothing"), ("rx_bytes", "nothing"),
      // ice, i40e
      ("port.rx_dropped", "rx dropped port.rx_dropped"),
      ("rx_dropped.nic", "rx dropped rx_dropped.nic"),
      ("tx_dropped_link_down.nic", "nothing"),
      // mlx5, sfc, be2net
      ("rx_out_of_buffer", "rx missed rx_out_of_buffer"),
      ("tx_queue_dropped", "tx dropped tx_queue_dropped"),
      ("rx_discards_phy", "rx dropped rx_discards_phy"), ("rx_steer_missed_packets", "nothing"),
      ("rx3_xdp_drop", "nothing"), ("rx_nodesc_drops", "rx missed rx_nodesc_drops"),
      ("rxq0: rx_drops_no_frags", "rx dropped rxqN: rx_drops_no_frags"),
      // ena, bnxt, gve, vmxnet3, hv_netvsc
      ("rx_drops", "rx dropped rx_drops"), ("queue_0_rx_cnt", "rx packets queue_N_rx_cnt"),
      ("bw_in_allowance_exceeded", "nothing"), ("[3]: rx_discards", "rx dropped [N]: rx_discards"),
      ("rx_total_discard_pkts", "rx dropped rx_total_discard_pkts"),
      ("[0]: rx_ucast_packets", "rx cast [N]: rx_ucast_packets"),
      ("rx_dropped_pkt[0]", "rx dropped rx_dropped_pkt[N]"),
      ("rx_drops_packet_over_mru[0]", "nothing"),
      ("Rx Queue 3 drv dropped rx total", "rx dropped Rx Queue N drv dropped rx total"),
      ("Tx Queue 0 pkts tx discard", "tx dropped Tx Queue N pkts tx discard"),
      ("Rx Queue 0 pkts rx OOB", "rx missed Rx Queue N pkts rx OOB"),
      ("rx_no_buffers_posted[0]", "rx dropped rx_no_buffers_posted[N]"),
      ("rx_prio3_discards", "rx dropped rx_prioN_discards"), ("rx_prio3_packets", "nothing"),
      ("no_buff_discards", "rx dropped no_buff_discards"), ("mftag_filter_discards", "nothing"),
      ("tx_no_memory", "tx droppedPart tx_no_memory"), ("vf_rx_packets", "nothing"),
    ])
  func names(_ name: String, _ meaning: String) {
    #expect(Self.counter(name) == meaning)
  }

  @Test("a queue's own counters")
  func queues() {
    #expect(Self.counter("drops", "rx") == "rx dropped rx drops")
    #expect(Self.counter("packets", "tx") == "tx packets tx packets")
    #expect(Self.counter("xdp_drops", "rx") == "nothing")
  }
}
