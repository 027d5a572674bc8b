internal import Glibc
internal import TraceModel
internal import TraceReport

/// One line on a terminal that says how far a file has been read; silent elsewhere.
final class ProgressLine {
  private let path: String
  private let size: Int64
  private let isTerminal: Bool
  private let start: ContinuousClock.Instant
  private var last: ContinuousClock.Instant
  private var isShown = false

  init(_ path: String, size: Int64) {
    self.path = path
    self.size = size
    isTerminal = isatty(2) == 1
    start = .now
    last = .now
  }

  /// So many bytes have been read.
  func update(_ bytes: Int64) {
    guard isTerminal, .now - last > .milliseconds(200) else { return }
    last = .now
    isShown = true
    let elapsed = (last - start) / Duration.seconds(1)
    let rate = Double(bytes) / 1e6 / elapsed
    var text = "\(bytes / 1_000_000) MB, \(Quantity.decimal(rate, digits: 0)) MB/s"
    if size > 0, rate > 0 {
      let left = Double(max(0, size - bytes)) / 1e6 / rate
      text += ", \(100 * bytes / size) %, \(Quantity.decimal(left, digits: 0)) s left"
    }
    Output.toStandardError("\r\u{1B}[K\(Printable.text(path)): \(text)")
  }

  /// The file is done: takes the line away.
  func end() {
    if isShown { Output.toStandardError("\r\u{1B}[K") }
  }
}
