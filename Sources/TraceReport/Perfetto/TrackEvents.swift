internal import TraceModel

/// Writes tracks and what happens on them as Perfetto's `TracePacket`s: a subset of
/// `protos/perfetto/trace/track_event` of the Perfetto project, whose field numbers are below. Each packet
/// goes out as it is made.
final class TrackEvents {
  /// A track: a row of the picture.
  struct Track: Hashable {
    fileprivate let id: UInt64
  }

  /// What is known of a slice.
  enum Detail {
    case integer(Int64)
    case text(String)
  }

  private let write: ([UInt8]) throws -> Void
  private let shift: Int64
  private var tracks: UInt64 = 0

  private enum Packet {
    static let inTrace: UInt64 = 1
    static let timestamp: UInt64 = 8
    static let sequence: UInt64 = 10
    static let event: UInt64 = 11
    static let descriptor: UInt64 = 60
  }

  private enum Descriptor {
    static let id: UInt64 = 1
    static let name: UInt64 = 2
    static let parent: UInt64 = 5
    static let counter: UInt64 = 8
    static let unitName: UInt64 = 6
  }

  private enum Event {
    static let annotation: UInt64 = 4
    static let type: UInt64 = 9
    static let track: UInt64 = 11
    static let name: UInt64 = 23
    static let doubleValue: UInt64 = 44
    static let flow: UInt64 = 47
  }

  private enum Annotation {
    static let name: UInt64 = 10
    static let integer: UInt64 = 4
    static let text: UInt64 = 6
  }

  private enum Kind: UInt64 {
    case begin = 1
    case end = 2
    case instant = 3
    case counter = 4
  }

  /// Times are written with `shift` added: a trace has none below zero.
  init(shift: Int64, write: @escaping ([UInt8]) throws -> Void) {
    self.shift = shift
    self.write = write
  }

  /// A track below another. With a unit it is a counter.
  func track(_ name: String, in parent: Track? = nil, unit: String? = nil) throws -> Track {
    tracks += 1
    var descriptor = ProtocolBuffer()
    descriptor.add(Descriptor.id, tracks)
    descriptor.add(Descriptor.name, Printable.text(name))
    if let parent { descriptor.add(Descriptor.parent, parent.id) }
    if let unit {
      var counter = ProtocolBuffer()
      counter.add(Descriptor.unitName, unit)
      descriptor.add(Descriptor.counter, counter)
    }
    var packet = ProtocolBuffer()
    packet.add(Packet.descriptor, descriptor)
    try send(packet)
    return Track(id: tracks)
  }

  /// A stretch of time. Slices of one track must not overlap; `flow` ties those that belong together.
  func slice(
    _ name: String, on track: Track, from: Int64, to: Int64, flow: Int64? = nil,
    details: [(String, Detail)] = []
  ) throws {
    var begin = event(.begin, on: track)
    begin.add(Event.name, Printable.text(name))
    for (name, detail) in details {
      var annotation = ProtocolBuffer()
      annotation.add(Annotation.name, name)
      switch detail {
      case .integer(let value): annotation.add(Annotation.integer, signed: value)
      case .text(let text): annotation.add(Annotation.text, Printable.text(text))
      }
      begin.add(Event.annotation, annotation)
    }
    if let flow { begin.add(Event.flow, fixed: UInt64(bitPattern: flow)) }
    try send(begin, at: from)
    try send(event(.end, on: track), at: to)
  }

  /// A moment.
  func instant(_ name: String, on track: Track, at: Int64) throws {
    var instant = event(.instant, on: track)
    instant.add(Event.name, Printable.text(name))
    try send(instant, at: at)
  }

  /// A counter's value from a time on.
  func value(_ value: Double, on track: Track, at: Int64) throws {
    var counter = event(.counter, on: track)
    counter.add(Event.doubleValue, real: value)
    try send(counter, at: at)
  }

  private func event(_ kind: Kind, on track: Track) -> ProtocolBuffer {
    var event = ProtocolBuffer()
    event.add(Event.type, kind.rawValue)
    event.add(Event.track, track.id)
    return event
  }

  private func send(_ event: ProtocolBuffer, at: Int64) throws {
    var packet = ProtocolBuffer()
    packet.add(Packet.timestamp, UInt64(clamping: at.addingReportingOverflow(shift).partialValue))
    packet.add(Packet.event, event)
    try send(packet)
  }

  private func send(_ packet: ProtocolBuffer) throws {
    var whole = packet
    // All packets are one sequence, and none refers to an earlier one.
    whole.add(Packet.sequence, 1 as UInt64)
    var trace = ProtocolBuffer()
    trace.add(Packet.inTrace, whole)
    try write(trace.bytes)
  }
}
