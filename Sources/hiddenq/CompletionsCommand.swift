internal import ArgumentParser

struct CompletionsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "completions", abstract: "Prints a shell's completions of these commands.",
    discussion: """
      bash: hiddenq completions bash > /usr/share/bash-completion/completions/hiddenq
      zsh:  hiddenq completions zsh > /usr/share/zsh/vendor-completions/_hiddenq
      fish: hiddenq completions fish > ~/.config/fish/completions/hiddenq.fish
      'make install' does it for all three.
      """)

  enum Shell: String, ExpressibleByArgument, CaseIterable {
    case bash, zsh, fish
  }

  @Argument(help: "bash, zsh or fish.")
  var shell: Shell

  func run() throws {
    guard let known = CompletionShell(rawValue: shell.rawValue) else {
      throw CommandFailure(message: "no completions for \(shell.rawValue)")
    }
    Output.print(HiddenQ.completionScript(for: known) + "\n")
  }
}
