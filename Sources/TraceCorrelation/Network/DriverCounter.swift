/// What a counter of `ethtool -S` means, told by the words of its name, as every driver has names of its own:
///
///     rx_dropped                    ixgbe, ena (rx_drops), gve, bnxt (rx_total_discard_pkts)
///     rx_missed_errors              ixgbe, igb, e1000e; mlx5: rx_out_of_buffer; sfc: rx_nodesc_drops
///     [3]: rx_discards              bnxt, one for each queue; gve: rx_dropped_pkt[3]
///     Rx Queue 3 drv dropped rx total      vmxnet3
///     tx_no_memory, tx_no_space     hv_netvsc
///
/// What was refused on purpose (XDP, filters, checksums) is no loss of a queue, and has no meaning here.
struct DriverCounter {
  /// What is counted.
  enum Kind: Hashable {
    /// Packets that passed.
    case packets
    /// Those to one, many or all; their sum is what passed.
    case cast
    /// Lost in a queue.
    case dropped
    /// Lost for one reason of several, which add up.
    case droppedPart
    /// Lost before a queue, for want of a buffer: in none of the counts of a queue.
    case missed
    /// How often there was no buffer; the hardware may have kept the packet.
    case shortage
  }

  let isReceive: Bool
  let kind: Kind
  /// The name without the number of a queue: names that differ in it alone add up.
  let name: String

  /// nil for a name that means none of these. `queue`: `rx` or `tx`, where the object is a queue.
  init?(_ name: String, queue: String?) {
    let words = Self.words(name)
    let text = words.joined(separator: " ")
    // mlx5's rx_prio3_discards: no buffer for that class. Other words of the list say why a packet was refused.
    let isShortOfBuffers = text.hasSuffix("discards") && words.contains("prio")
    guard isShortOfBuffers || !words.contains(where: Self.refused.contains) else { return nil }
    // qede's no_buff_discards has no direction in its name.
    let isReceive =
      queue == "rx" || words.contains { ["rx", "rxq"].contains($0) } || text == "no buff discards"
    let isTransmit = queue == "tx" || words.contains { ["tx", "txq"].contains($0) }
    guard isReceive != isTransmit else { return nil }
    let rest = words.filter { !Self.place.contains($0) && !$0.allSatisfy(\.isNumber) }
    guard let kind = Self.kind(rest, isReceive: isReceive) else { return nil }
    self.isReceive = isReceive
    self.kind = kind
    self.name =
      (queue.map { $0 + " " } ?? "") + Self.withoutNumbers(name)
  }

  private static func kind(_ rest: [String], isReceive: Bool) -> Kind? {
    switch rest {
    case ["packets"], ["pkts"], ["pkt"], ["cnt"]: return .packets
    case ["no", "memory"], ["no", "space"]: return .droppedPart
    case ["no", "buffer", "count"], ["no", "buffer"], ["no", "buffers"]: return .shortage
    // gve: packets that its device dropped because the driver had posted no buffer.
    case ["no", "buffers", "posted"]: return .dropped
    default: break
    }
    if rest.count == 2, casts.contains(rest[0]), ["packets", "pkts"].contains(rest[1]) {
      return .cast
    }
    let text = rest.joined(separator: " ")
    if isReceive,
      rest.contains("missed") || rest.contains("nodesc") || rest.contains("oob")
        || text.contains("out of buf") || text == "no dma resources" || text == "no bufs"
    {
      return .missed
    }
    return rest.contains(where: losses.contains) ? .dropped : nil
  }

  private static let losses: Set<String> = [
    "drop", "drops", "dropped", "discard", "discards", "discarded",
  ]
  private static let casts: Set<String> = [
    "ucast", "mcast", "bcast", "unicast", "multicast", "broadcast",
  ]
  /// Words that say where it is counted, not what.
  private static let place: Set<String> = [
    "rx", "tx", "rxq", "txq", "queue", "q", "ring", "nic", "drv",
  ]
  private static let refused: Set<String> = [
    "xdp", "filter", "filtered", "filters", "steer", "prio", "pause", "pfc", "mru", "mtu", "csum",
    "checksum", "loopback", "cache", "arfs", "bytes", "octets", "link", "tls", "ipsec", "macsec",
    "ptp", "hairpin", "vf", "cpu", "recycle", "expansion", "stp", "mac",
  ]

  /// `rx_queue_3_drops`: rx, queue, 3, drops; `[0]: rx_discards`: 0, rx, discards; `rx0_packets`: rx, 0, packets.
  private static func words(_ name: String) -> [String] {
    var words: [String] = []
    var word = ""
    for character in name.lowercased() {
      let isWord = character.isASCII && (character.isLetter || character.isNumber)
      if !isWord || word.last.map({ $0.isNumber != character.isNumber }) ?? false {
        if !word.isEmpty { words.append(word) }
        word = ""
      }
      if isWord { word.append(character) }
    }
    if !word.isEmpty { words.append(word) }
    return words
  }

  /// `[N]: rx_discards`.
  private static func withoutNumbers(_ name: String) -> String {
    var text = ""
    for character in name {
      if !character.isNumber {
        text.append(character)
      } else if text.last != "N" {
        text.append("N")
      }
    }
    return text
  }
}
