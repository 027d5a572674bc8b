import Foundation
import TestSupport
import Testing

/// Every example that a help text gives is one that the program takes.
// One after the other: some of the commands write the incident file that the others read.
@Suite(.serialized) struct HelpExampleTests {
  /// A command as `--experimental-dump-help` describes it.
  private struct Command {
    let path: [String]
    /// Abstract, discussion and usage.
    let text: String
    let options: [(name: String, abstract: String)]
  }

  private static let incident = Result { () -> String in
    let folder = try Repository.temporaryFolder().path
    _ = try Program.run("analyze", "kvm-noisy-cpu", "-o", folder, in: Repository.fixtures)
    return folder + "/incident.db"
  }

  private static func commands() throws -> [Command] {
    let dump = try Program.run("--experimental-dump-help").output
    let tool = try JSONSerialization.jsonObject(with: Data(dump.utf8)) as? [String: Any]
    func walk(_ command: [String: Any], _ path: [String]) -> [Command] {
      let arguments = command["arguments"] as? [[String: Any]] ?? []
      let options = arguments.compactMap { argument -> (name: String, abstract: String)? in
        let names = argument["names"] as? [[String: Any]] ?? []
        guard argument["kind"] as? String == "option",
          let name = names.first(where: { $0["kind"] as? String == "long" })?["name"] as? String,
          let abstract = argument["abstract"] as? String
        else { return nil }
        return ("--" + name, abstract)
      }
      let text = ["abstract", "discussion"].compactMap { command[$0] as? String }
      let own = Command(path: path, text: text.joined(separator: "\n"), options: options)
      return [own]
        + (command["subcommands"] as? [[String: Any]] ?? []).filter {
          $0["commandName"] as? String != "help"
        }.flatMap { walk($0, path + [$0["commandName"] as? String ?? "?"]) }
    }
    return walk(tool?["command"] as? [String: Any] ?? [:], [])
  }

  /// What a command needs besides what an example is about.
  private static func rest(_ command: [String], _ incident: String) throws -> [String] {
    switch command.first {
    case "compare": [incident, incident, "--resamples", "100"]
    case "export": [incident, "-o", try Repository.temporaryFolder().path + "/out"]
    case "redact": [incident, "--dry-run"]
    case "show": [incident, "slowest"]
    case "query": [incident, "SELECT 1"]
    case "analyze": ["kvm-noisy-cpu", "-o", try Repository.temporaryFolder().path]
    case "ingest":
      [incident + "-new", "kvm-noisy-cpu/guest-L2/blkparse.txt", "--guest", "L2"]
    case "fleet": command.contains("load") ? [incident] : []
    case "capture": ["guest"]
    case "formats", "schema", "completions": []
    default: [incident]
    }
  }

  @Test("an option's 'as X, Y' are values that it takes")
  func values() throws {
    let incident = try Self.incident.get()
    var tried = 0
    for command in try Self.commands() {
      for (option, abstract) in command.options {
        // `..., as 8.2, 8.2s, 350ms.`
        guard let match = abstract.firstMatch(of: /\bas ([^;]*[^;.])(?:;|\.$|$)/) else { continue }
        for value in match.1.split(separator: ", ") {
          let words = command.path + [option, String(value)]
          let outcome = try Program.run(
            words + (try Self.rest(command.path, incident)), in: Repository.fixtures)
          #expect(outcome.status != 2, "\(words): \(outcome.errors)")
          tried += 1
        }
      }
    }
    #expect(tried >= 9)
  }

  @Test("what help texts put in quotes as a command or a limit runs")
  func quoted() throws {
    let incident = try Self.incident.get()
    let commands = try Self.commands()
    let names = Set(commands.compactMap(\.path.first))
    var tried = 0
    for command in commands {
      let text = ([command.text] + command.options.map(\.abstract)).joined(separator: "\n")
        .replacing("\n", with: " ")
      for match in text.matches(of: /(?:^|[ (])'([^']+)'/) {
        var words = match.1.split(separator: " ").map(String.init)
        if words.first == "hiddenq" { words.removeFirst() }
        if match.1.contains(">") {
          words = command.path + ["--fail-on", String(match.1)]
        } else if !names.contains(words.first ?? "") {
          continue
        }
        tried += 1
        var outcome = try Program.run(words, in: Repository.fixtures)
        if outcome.status == 2 {
          // It names a part of the command line.
          outcome = try Program.run(
            words + (try Self.rest(words, incident)), in: Repository.fixtures)
        }
        #expect(outcome.status != 2, "\(words): \(outcome.errors)")
      }
    }
    #expect(tried >= 10)
  }

  @Test("usage lines with their placeholders filled in run, and so do the first steps")
  func usage() throws {
    let incident = try Self.incident.get()
    let id = try Program.value(incident, "SELECT min(io_id) FROM io")
    let query = try Program.value(incident, "SELECT 'x'").isEmpty ? "" : "hops"
    let fleet = try Program.run("fleet", "query", "--list").output
      .split(separator: "\n").dropFirst().first?.split(separator: " ").first
    let commands = try Self.commands()
    let names = Set(commands.compactMap(\.path.first))
    var tried = 0
    for command in commands {
      let help = try Program.run(command.path + ["--help"]).output
      // `hiddenq show INCIDENT slowest [--top N]`, `bash: hiddenq completions bash > FILE`
      for match in help.matches(of: /(?:^|\n|: +)(?:USAGE: | *)hiddenq ([^\n]+)/) {
        // A second column says what it does; pipes and redirections are the shell's.
        var line = match.1.split(separator: "   ")[0].split(separator: " > ")[0]
          .split(separator: " | ")[0]
        if match.1.contains("<") || !names.contains(String(line.prefix { $0 != " " })) { continue }
        var text = String(line).replacing(/\[[^\]]*\] ?/, with: "")
        // `(--guest NAME | --host NAME)` was cut at its bar.
        text = text.replacing("(", with: "").replacing(")", with: "")
        line = ""
        let given = text.split(separator: " ").map(String.init)
        let words = zip([""] + given, given).map { before, word in
          switch word.replacing("...", with: "") {
          case "DIR" where before == "--guest": "kvm-noisy-cpu/guest-L2"
          case "DIR" where before == "--host": "kvm-noisy-cpu/host-L1"
          case "DIR": "kvm-noisy-cpu"
          case "ARCHIVE": "case.tar"
          case "INCIDENT":
            command.path == ["ingest"] ? incident + "-usage" : incident
          case "PATH": "kvm-noisy-cpu/guest-L2/blkparse.txt"
          case "ID": id
          case "NAME": command.path == ["fleet", "query"] ? String(fleet ?? "") : query
          default: word
          }
        }
        let folder = try Repository.temporaryFolder()
        try FileManager.default.createSymbolicLink(
          at: folder.appending(path: "kvm-noisy-cpu"),
          withDestinationURL: Repository.fixtures.appending(path: "kvm-noisy-cpu"))
        if words.contains("case.tar") {
          let tar = try Process.run(
            URL(filePath: "/usr/bin/env"),
            arguments: [
              "tar", "-C", Repository.fixtures.path, "-cf", folder.path + "/case.tar",
              "kvm-noisy-cpu/guest-L2/blkparse.txt",
            ])
          tar.waitUntilExit()
        }
        let outcome = try Program.run(words, in: folder)
        #expect(outcome.status != 2, "\(words): \(outcome.errors)")
        tried += 1
      }
    }
    #expect(tried >= 12)
  }
}
