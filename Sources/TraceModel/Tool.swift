/// This program, as it names itself in what it writes.
public enum Tool {
  /// Its version.
  public static let version = "0.1.0"
}
