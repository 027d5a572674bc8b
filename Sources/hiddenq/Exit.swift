internal import ArgumentParser
internal import Glibc
internal import TraceIngest
internal import TraceModel
internal import TraceReport
internal import TraceStore

/// How the program ends: the statuses that scripts rely on, and every failure in one sentence.
enum Exit {
  /// It ran, and a stated threshold was exceeded.
  static let exceeded: Int32 = 1
  /// It could not run: usage, file, disk.
  static let couldNotRun: Int32 = 2
  /// It ran, and the data do not suffice for an answer.
  static let notEnoughData: Int32 = 3
  /// It ran, and `--strict` was given, and input was skipped.
  static let skippedInput: Int32 = 4

  /// Ends the program for an error that reached the top.
  static func end(with error: any Error) -> Never {
    // What was found before stands before the reason.
    if Interruption.signal == nil { Output.finish() }
    if let signal = Interruption.signal {
      complain((error as? CommandFailure)?.message ?? "interrupted")
      exit(128 + signal)
    }
    if let failure = error as? CommandFailure {
      complain(failure.message)
      exit(failure.status)
    }
    let status = HiddenQ.exitCode(for: error)
    let message = HiddenQ.fullMessage(for: error)
    if status == .success {
      Output.print(message + "\n")
      Output.finish()
      exit(0)
    }
    if let error = error as? ReadError {
      complain(sentence(for: error, file: error.path))
    } else if error is StoreError {
      complain(sentence(for: error))
    } else if !message.isEmpty {
      Output.toStandardError(message + "\n")
    }
    exit(couldNotRun)
  }

  /// Says something on standard error.
  static func complain(_ text: String) {
    Output.toStandardError("hiddenq: \(Printable.text(text))\n")
  }

  /// A failure as one sentence, for a file where one is concerned.
  static func sentence(for error: any Error, file: String? = nil) -> String {
    let head = file.map { "\($0): " } ?? ""
    switch error {
    case let error as StoreError: return head + error.message
    case let error as ReadError: return head + error.reason
    case let error as CommandFailure: return head + error.message
    case let error as IngestError: return head + sentence(for: error)
    case let error as Ownerless: return head + error.message
    default: return head + "\(error)"
    }
  }

  private static func sentence(for error: IngestError) -> String {
    switch error {
    case .empty:
      return "is empty; was the tracer stopped before it wrote, or the copy cut?"
    case .noEvents(let format, let firstLine, _):
      if let needs = allFormats.first(where: { $0.name == format })?.needs { return needs }
      return "no line is an event of format '\(format)'; it begins with '\(firstLine.prefix(60))'"
    case .unrecognized(let hint):
      return hint ?? "is in no format that 'hiddenq formats' lists"
    case .refused(_, _, _, let hint): return hint
    case .unusableOption(let reason):
      return reason
    case .notOneText(let files):
      return "are \(files) files of one name, but no binary trace; ingest them one by one"
    case .tooManyBadLines(let bad, let all, let allowed, let first):
      let place = first.line.map { " (line \($0), column \(first.column ?? 1))" } ?? ""
      return
        "refused: \(bad) of \(all) lines cannot be read, more than the \(allowed) % allowed; most "
        + "often \(first.kind.rawValue)\(place): \(first.kind.advice)"
    }
  }
}

/// A command's own failure: a sentence and a status.
struct CommandFailure: Error {
  let message: String
  var status = Exit.couldNotRun
}
