internal import GRDB

/// A row of `device_neighbour`.
public struct DiskNeighbourRow: Sendable {
  /// The guest disk's stretch.
  public var guestStream: Int32
  /// The device's stretch.
  public var hostStream: Int32
  /// The neighbour's threads' name; nil for all that are not told by name.
  public var comm: String?
  /// Its requests that carry data.
  public var requests: Int
  /// Their bytes.
  public var bytes: Int64
  /// Their time from D to C, summed, ns.
  public var deviceTime: Int64
  /// Its part of that of all requests of the device, 0 to 1.
  public var share: Double
  /// The disk's I/Os that were on the host while one of these was.
  public var besideCount: Int
  /// Their mean of H4 and H5 together, ns; nil without any.
  public var besideMean: Int64?
  /// The disk's I/Os that no neighbour's request met.
  public var aloneCount: Int
  /// Their mean of H4 and H5 together, ns; nil without any.
  public var aloneMean: Int64?
  /// The thread's id; nil where several have that name.
  public var tid: Int64?
  /// From its first request's begin to the last end of one, ns; nil where that was not seen.
  public var active: (from: Int64, to: Int64)?
  /// The first and the last sector that it asked for.
  public var sectors: ClosedRange<Int64>?

  /// A row.
  public init(
    guestStream: Int32, hostStream: Int32, comm: String?, requests: Int, bytes: Int64,
    deviceTime: Int64, share: Double, besideCount: Int, besideMean: Int64?, aloneCount: Int,
    aloneMean: Int64?, tid: Int64?, active: (from: Int64, to: Int64)?,
    sectors: ClosedRange<Int64>?
  ) {
    self.guestStream = guestStream
    self.hostStream = hostStream
    self.comm = comm
    self.requests = requests
    self.bytes = bytes
    self.deviceTime = deviceTime
    self.share = share
    self.besideCount = besideCount
    self.besideMean = besideMean
    self.aloneCount = aloneCount
    self.aloneMean = aloneMean
    (self.tid, self.active, self.sectors) = (tid, active, sectors)
  }
}

extension CorrelationWriter {
  /// Adds a neighbour on a device.
  public func add(_ row: DiskNeighbourRow) throws {
    try insert(
      into: "device_neighbour",
      [
        "guest_stream_id": row.guestStream, "host_stream_id": row.hostStream, "comm": row.comm,
        "requests": row.requests, "bytes": row.bytes, "device_ns": row.deviceTime,
        "share": row.share, "ios_beside": row.besideCount, "beside_mean_ns": row.besideMean,
        "ios_alone": row.aloneCount, "alone_mean_ns": row.aloneMean, "pid": row.tid,
        "from_ns": row.active?.from, "to_ns": row.active?.to,
        "first_sector": row.sectors?.lowerBound, "last_sector": row.sectors?.upperBound,
      ])
  }
}
