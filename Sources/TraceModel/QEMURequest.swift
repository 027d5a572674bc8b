/// A request of a guest's virtio-blk or virtio-scsi disk inside QEMU, folded from the events of QEMU's own trace.
///
/// Which stamps there are depends on the events that were switched on; none is guessed.
public struct QEMURequest: Sendable {
  /// What it is for.
  public enum Operation: Int, CodedVocabulary {
    /// `virtio_blk_handle_read`, or a READ command.
    case read = 0
    /// `virtio_blk_handle_write`, or a WRITE command.
    case write
    /// Of virtio-blk what has no event of its own: a flush, a discard, a question for the disk's name; of virtio-scsi all
    /// other commands.
    case other

    /// The name in views.
    public var name: String {
      switch self {
      case .read: "read"
      case .write: "write"
      case .other: "other"
      }
    }
  }

  /// Number of the request in the incident file.
  public var id: Int64 = 0
  /// Taken off the virtqueue (`virtqueue_pop`).
  public var popped = Stamp.unseen
  /// Understood (`virtio_blk_handle_read`, `virtio_blk_handle_write`, `virtio_scsi_cmd_req`).
  public var handled = Stamp.unseen
  /// Given to QEMU's block layer (`blk_co_preadv`, `blk_co_pwritev`, `scsi_req_continue`), alone or merged with others.
  public var submitted = Stamp.unseen
  /// Back from it (`virtio_blk_rw_complete`, `scsi_req_dequeue`).
  public var done = Stamp.unseen
  /// Answered (`virtio_blk_req_complete`, `virtio_scsi_cmd_resp`).
  public var completed = Stamp.unseen
  /// The answer made visible to the guest (`virtqueue_flush`).
  public var returned = Stamp.unseen
  /// The disk as QEMU's address of it, which holds for one run of QEMU; 0 where the text does not say. A disk of
  /// virtio-scsi is ``scsiDevice`` with its target from bit 32 and its logical unit.
  public var device: UInt64 = 0
  /// First sector (512 bytes) on the guest's disk; -1 where the text does not say.
  public var sector: Int64 = -1
  /// Length in sectors; -1 where the text does not say, 0 of a flush of virtio-scsi.
  public var sectors: Int64 = -1
  /// How many requests went to the block layer as one (`virtio_blk_submit_multireq`); 1: it went alone.
  public var merged: Int64 = 1
  /// 0, or the negative errno of the block layer; nil where the trace does not show it.
  public var result: Int64?
  /// virtio's status: 0 good, 1 an I/O error (of virtio-scsi any other than good), 2 not supported; nil where the trace
  /// does not show it.
  public var status: Int64?
  /// Where its first event stands in the file, from 1.
  public var line: Int64 = 0
  /// The thread that its first event is of; QEMU before 5.2 prints its process. 0 where it is not printed.
  public var tid: UInt32 = 0
  /// What it is for.
  public var operation = Operation.other

  /// What marks a disk of virtio-scsi; QEMU's addresses do not reach so far.
  public static let scsiDevice: UInt64 = 0x5C51 << 48

  /// A request of which nothing is known yet.
  public init() {}

  /// How long it was in a stage, ns; nil where the trace does not show both ends.
  public func time(in stage: QEMUStage) -> Int64? {
    func between(_ from: Stamp, _ to: Stamp) -> Int64? {
      guard let from = from.nanoseconds, let to = to.nanoseconds else { return nil }
      return to - from
    }
    switch stage {
    case .pop: return between(popped, handled)
    case .submit: return between(handled, submitted)
    case .io: return between(handled, done)
    case .complete: return between(done, completed)
    case .return: return between(completed, returned)
    case .total:
      return between(
        popped.isSeen ? popped : handled, returned.isSeen ? returned : completed)
    }
  }
}

/// A guest's disk as QEMU's own trace shows it.
public struct QEMUDisk: Sendable {
  /// The trace.
  public let source: Int64
  /// Whether the trace is of QEMU alone, and not a part of the host's.
  public let isOwnTrace: Bool
  /// The first and the last event of the trace, ns on its clock.
  public let span: ClosedRange<Int64>
  /// Its requests, in the order in which they ended.
  public var requests: [QEMURequest] = []

  /// A disk without requests.
  public init(source: Int64, isOwnTrace: Bool, span: ClosedRange<Int64>) {
    self.source = source
    self.isOwnTrace = isOwnTrace
    self.span = span
  }
}

/// A stretch of a request's way through QEMU.
public enum QEMUStage: String, Sendable, CaseIterable {
  /// From `virtqueue_pop` to `virtio_blk_handle_*`.
  case pop
  /// From there to `blk_co_preadv` or `blk_co_pwritev`: merging, and waiting for the others of a batch.
  case submit
  /// From `virtio_blk_handle_*` to `virtio_blk_rw_complete`: QEMU's block layer and all below it.
  case io
  /// From there to `virtio_blk_req_complete`.
  case complete
  /// From there to `virtqueue_flush`: until the guest can see the answer.
  case `return`
  /// From its first event to its last.
  case total
}

/// The times of one stage of one disk in QEMU.
public struct QEMUStageSummary: Sendable {
  /// The disk as QEMU's address of it.
  public let device: UInt64
  /// Which requests.
  public let operation: QEMURequest.Operation
  /// Which stage.
  public let stage: QEMUStage
  /// Its times.
  public let histogram: LatencyHistogram

  /// Times of a stage.
  public init(
    device: UInt64, operation: QEMURequest.Operation, stage: QEMUStage, histogram: LatencyHistogram
  ) {
    self.device = device
    self.operation = operation
    self.stage = stage
    self.histogram = histogram
  }
}
