/// Which file has the earliest record: a binary heap of those that are not at their ends. Of equal times the
/// earlier file's comes first.
struct CursorQueue {
  /// A file by its number, and the time of its record.
  struct Place {
    var time: Int64
    let cursor: Int

    @inline(__always)
    func precedes(_ other: Place) -> Bool {
      time != other.time ? time < other.time : cursor < other.cursor
    }
  }

  private var heap: [Place] = []

  /// The number of the file with the earliest record.
  var first: Int? { heap.first?.cursor }

  /// The file with the earliest record but for the first.
  var second: Place? {
    guard heap.count > 2 else { return heap.count > 1 ? heap[1] : nil }
    return heap[2].precedes(heap[1]) ? heap[2] : heap[1]
  }

  mutating func insert(_ place: Place) {
    heap.append(place)
    var child = heap.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard heap[child].precedes(heap[parent]) else { return }
      heap.swapAt(child, parent)
      child = parent
    }
  }

  /// The first file has another record now.
  mutating func firstMovedOn(to time: Int64) {
    heap[0].time = time
    sink()
  }

  mutating func removeFirst() {
    heap.swapAt(0, heap.count - 1)
    heap.removeLast()
    sink()
  }

  /// Moves the first down to its place.
  private mutating func sink() {
    guard let place = heap.first else { return }
    var parent = 0
    while true {
      var child = 2 * parent + 1
      guard child < heap.count else { break }
      if child + 1 < heap.count, heap[child + 1].precedes(heap[child]) { child += 1 }
      guard heap[child].precedes(place) else { break }
      heap[parent] = heap[child]
      parent = child
    }
    heap[parent] = place
  }
}
