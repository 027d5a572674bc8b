/// Which side of the hypervisor a machine is on.
public enum Layer: String, Vocabulary {
  /// A virtual machine.
  case guest
  /// The machine that runs the virtual machines.
  case host
}

/// A machine that files came from: its name, as the user gave it, and its side.
public struct Machine: Hashable, Sendable {
  /// The name, unique among the machines of an incident.
  public let name: String
  /// Guest or host.
  public let layer: Layer

  /// A machine as the user named it.
  public init(name: String, layer: Layer) {
    self.name = name
    self.layer = layer
  }
}
