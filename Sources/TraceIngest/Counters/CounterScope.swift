internal import TraceModel

/// Whose readings a part of a file has, as far as the text around the tables says it.
struct CounterScope {
  /// The headings that are open, the outer first: `=== web1 ===`, below it `--- network ---`.
  private var headings: [(marks: String, label: ThingLabel)] = []
  /// The machine whose prompt stood first; its name is not needed to tell its objects apart.
  private var firstHost: String?
  private var host: String?
  private var space: String?
  /// All of it as a person reads it: `web2`, `web1, namespace a`; empty for the file as a whole.
  private(set) var text = ""
  /// Whether the text has named anything so far.
  private(set) var isDivided = false
  /// Whether the readings are of another machine than those of the first prompt.
  var isOfAnotherMachine: Bool { host != firstHost }

  private static let deepest = 8
  private static let longest = 200

  /// A heading with these marks before it; one with the same marks is on its level, and ends those below.
  mutating func head(_ marks: String, _ label: ThingLabel) {
    if let level = headings.firstIndex(where: { $0.marks == marks }) {
      headings.removeSubrange(level...)
    } else if headings.count == Self.deepest {
      headings.removeLast()
    }
    headings.append((marks, label))
    renew()
  }

  /// A command begins; nil: neither a prompt nor the command says where.
  mutating func enter(host: String?, space: String?) {
    if let host {
      firstHost = firstHost ?? host
      self.host = host
    }
    self.space = space
    renew()
  }

  private mutating func renew() {
    var parts = headings.map { $0.label.words.joined(separator: " ") }.filter { !$0.isEmpty }
    if isOfAnotherMachine, let host { parts.append(host) }
    if let space { parts.append("in \(space)") }
    text = String(parts.joined(separator: ", ").prefix(Self.longest))
    if !text.isEmpty { isDivided = true }
  }
}
