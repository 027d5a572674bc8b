internal import ArgumentParser
internal import SchemaText

struct CaptureCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "capture",
    abstract: "Prints a shell script that records one machine into one archive.",
    usage: "hiddenq capture guest [OPTIONS] > capture.sh",
    discussion: """
      Run the script on the guest and on its host at the same time, as root, and give both archives to \
      'hiddenq analyze'. The options become the script's defaults; it takes the \
      same ones. See docs/capture-script.md for what it records.
      """)

  enum Role: String, ExpressibleByArgument, CaseIterable {
    case guest, host, esxi
  }

  @Argument(help: "guest, host or esxi (an ESXi host): which machine the script is for.")
  var role: Role

  @Option(help: ArgumentHelp("How long to record, 1 to 600.", valueName: "n"))
  var seconds = 30

  @Option(
    help: ArgumentHelp("A disk to trace; may be repeated. Default: all.", valueName: "name"))
  var device: [String] = []

  func run() throws {
    guard (1...600).contains(seconds) else {
      throw CommandFailure(message: "--seconds is 1 to 600")
    }
    // They become part of a script.
    for name in device {
      let isName = name.utf8.allSatisfy {
        (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0)
          || $0 == 0x2D || $0 == 0x5F
      }
      guard isName, !name.isEmpty else {
        throw CommandFailure(message: "'\(name)' is no name of a disk, as vdb or nvme0n1")
      }
    }
    let settings = [
      "role=guest": "role=\(role.rawValue)",
      "seconds=30": "seconds=\(seconds)",
      "devices=": "devices=\"\(device.joined(separator: " "))\"",
    ]
    let script = unsafe String(cString: role == .esxi ? captureScriptESXi() : captureScript())
    let lines = script.split(separator: "\n", omittingEmptySubsequences: false)
    Output.print(lines.map { settings[String($0)] ?? String($0) }.joined(separator: "\n"))
  }
}
