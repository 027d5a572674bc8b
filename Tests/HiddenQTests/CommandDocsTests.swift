import Foundation
import TestSupport
import Testing

/// What is generated out of the commands themselves.
struct CommandDocsTests {
  /// All commands, in the order of the help, as `fleet load`.
  private static func commands() throws -> [[String]] {
    let dump = try Program.run("--experimental-dump-help").output
    let tool = try JSONSerialization.jsonObject(with: Data(dump.utf8)) as? [String: Any]
    func walk(_ command: [String: Any], _ above: [String]) -> [[String]] {
      let own = command["subcommands"] as? [[String: Any]] ?? []
      return own.filter { $0["commandName"] as? String != "help" }.flatMap { sub -> [[String]] in
        let path = above + [sub["commandName"] as? String ?? "?"]
        return [path] + walk(sub, path)
      }
    }
    return walk(tool?["command"] as? [String: Any] ?? [:], [])
  }

  @Test("docs/commands.md is what the commands say of themselves; RECORD=1 writes it")
  func pages() throws {
    var text = """
      # Commands

      What `hiddenq COMMAND --help` prints. Written by `RECORD=1 swift test --filter CommandDocs`.

      ## hiddenq

      ```
      \(try Program.run("--help").output)```

      """
    let commands = try Self.commands()
    #expect(commands.contains(["fleet", "load"]) && commands.count > 15)
    for command in commands {
      let help = try Program.run(command + ["--help"])
      #expect(help.status == 0 && help.output.hasPrefix("OVERVIEW: "), "\(command)")
      text += """

        ## \(command.joined(separator: " "))

        ```
        \(help.output)```

        """
    }
    let file = Repository.root.appending(path: "docs/commands.md")
    #expect(try Repository.difference(text, from: file) == nil)
  }

  @Test("completions name every command", arguments: ["bash", "zsh", "fish"])
  func completions(_ shell: String) throws {
    let outcome = try Program.run("completions", shell)
    #expect(outcome.status == 0)
    for command in try Self.commands() {
      #expect(outcome.output.contains(command[command.count - 1]), "\(command)")
    }
    #expect(try Program.run("completions", "tcsh").status == 2)
  }

  @Test("bash takes its completions, and they complete")
  func bash() throws {
    let script = try Repository.temporaryFolder().appending(path: "hiddenq.bash")
    try (Program.run("completions", "bash").output + "\n" + Self.asking).write(
      to: script, atomically: true, encoding: .utf8)
    let process = Process()
    process.executableURL = URL(filePath: "/bin/bash")
    process.arguments = [script.path]
    let pipe = Pipe()
    process.standardOutput = pipe
    try process.run()
    let said = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    let lines = said.split(separator: "\n").map { $0.split(separator: " ").sorted() }
    #expect(lines == [["redact", "report"], ["by-process", "by-size"]])
  }

  /// `hiddenq re<TAB>` and `hiddenq query x.db --name by<TAB>`.
  private static let asking = """
    ask() {
      COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*" COMP_POINT=${#COMP_LINE} COMPREPLY=()
      COMP_LINE="$*"
      COMP_POINT=${#COMP_LINE}
      _hiddenq hiddenq "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
      echo "${COMPREPLY[@]}"
    }
    ask hiddenq re
    ask hiddenq query x.db --name by

    """
}
