/// How long an I/O took in each hop, in ns; ``Stamp/unseen`` where that was not observed.
///
/// Eight bytes for each measured hop and no more: millions are held at once.
public struct HopTimes: Sendable {
  /// In the order of ``Hop/measured``.
  @usableFromInline
  var measured = InlineArray<9, Stamp>(repeating: .unseen)

  /// From D to C in the guest, of a disk of which no Q was traced: all that its own trace shows of the I/O.
  public var driver = Stamp.unseen

  /// Nothing was observed.
  @inlinable
  public init() {}

  /// The times of the measured hops, by their index among ``Hop/measured``.
  @inlinable
  public init(_ time: (_ index: Int) throws -> Stamp) rethrows {
    for index in measured.indices { measured[index] = try time(index) }
  }

  /// Out of seven times in 32 bits, `Int32.min` for one that was not observed: the page cache, the guest's scheduler, the
  /// way in, the two of either way there, the way back, and from Q to C or, of the driver, from D to C.
  @inlinable
  @inline(__always)
  public init(short times: InlineArray<7, Int32>, isThroughQEMU: Bool, isOfDriver: Bool) {
    func stamp(_ index: Int) -> Stamp {
      Stamp(times[index] == .min ? .min : Int64(times[index]))
    }
    let (first, second) = (stamp(3), stamp(4))
    let none = Stamp(.min)
    measured = [
      stamp(0), stamp(1), stamp(2), isThroughQEMU ? first : none, isThroughQEMU ? second : none,
      isThroughQEMU ? none : first, isThroughQEMU ? none : second, stamp(5),
      isOfDriver ? none : stamp(6),
    ]
    driver = isOfDriver ? stamp(6) : none
  }

  /// The time in a hop. The sums cannot be set.
  @inlinable
  public subscript(hop: Hop) -> Stamp {
    get {
      if let index = hop.index { return measured[index] }
      return switch hop {
      case .virtioQueue: virtioQueue
      case .belowGuest: belowGuest
      default: total
      }
    }
    set {
      guard let index = hop.index else { preconditionFailure("a sum of hops cannot be set") }
      measured[index] = newValue
    }
  }

  @usableFromInline
  var virtioQueue: Stamp {
    let (submit, back) = (self[.virtioSubmit], self[.virtioReturn])
    return submit.isSeen && back.isSeen ? Stamp(submit.rawValue + back.rawValue) : .unseen
  }

  @usableFromInline
  var belowGuest: Stamp {
    if self[.virtioSubmit].isSeen || self[.hostScheduler].isSeen { return .unseen }
    let (scheduler, block) = (self[.guestScheduler], self[.block])
    return scheduler.isSeen && block.isSeen ? Stamp(block.rawValue - scheduler.rawValue) : driver
  }

  @usableFromInline
  var total: Stamp {
    let (cache, block) = (self[.pageCache], self[.block])
    return block.isSeen && cache.isSeen ? Stamp(block.rawValue + cache.rawValue) : block
  }

  /// Whether a test holds for each time that is measured, observed or not.
  @inlinable
  public func isTrueOfEach(_ test: (Stamp) -> Bool) -> Bool {
    for index in measured.indices where !test(measured[index]) { return false }
    return driver.rawValue == .min || test(driver)
  }

  /// Whether anything was observed.
  public var isObserved: Bool {
    driver.isSeen || measured.indices.contains { measured[$0].isSeen }
  }

  /// Whether both ends were observed: Q and C, or D and C where no Q was traced.
  public var isWhole: Bool { self[.block].isSeen || driver.isSeen }

  /// When a part between Q and C began, for an I/O whose Q was at `start`, ns; nil where an earlier part was not
  /// observed. An I/O without a Q begins with its D.
  ///
  /// The result is within ``Stamp/range``, however long the parts are in a hostile file.
  @inlinable
  public func begin(of part: Hop, from start: Int64) -> Int64? {
    guard let last = part.index, let scheduler = Hop.guestScheduler.index else { return nil }
    var moment = start
    for index in scheduler..<max(last, scheduler) {
      if let time = measured[index].nanoseconds {
        moment = Stamp.sum(moment, time)
      } else if index > scheduler, !isOnOtherWay(index) {
        return nil
      }
    }
    return moment
  }

  /// Whether an I/O does not have a part since it went the other way: through QEMU as its own trace tells, or through
  /// the host's block layer.
  @usableFromInline
  func isOnOtherWay(_ index: Int) -> Bool {
    if index == Hop.qemu.index || index == Hop.backend.index { return true }
    guard index == Hop.hostScheduler.index || index == Hop.hardwareQueue.index else { return false }
    return self[.backend].isSeen && !self[.hostScheduler].isSeen && !self[.hardwareQueue].isSeen
  }

  /// When a part between Q and C ended, as ``begin(of:from:)``.
  @inlinable
  public func end(of part: Hop, from start: Int64) -> Int64? {
    guard let begin = begin(of: part, from: start), let time = self[part].nanoseconds else {
      return nil
    }
    return Stamp.sum(begin, time)
  }
}
