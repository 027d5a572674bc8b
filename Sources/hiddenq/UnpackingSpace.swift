internal import Foundation
internal import TraceIngest
internal import TraceModel

/// A folder for what archives hold, which goes away when the files are ingested.
final class UnpackingSpace {
  private let folder: String
  private var count = 0

  private static let prefix = ".unpacked-"

  /// Below this directory, which must be there when the first archive comes.
  init(in directory: String) {
    folder = "\(directory)/\(Self.prefix)\(ProcessInfo.processInfo.processIdentifier)"
  }

  /// Whether a folder of this name is the space of a run.
  static func isOne(_ name: String) -> Bool { name.hasPrefix(prefix) }

  /// Unpacks an archive. Returns the folder and the entries that were skipped.
  func unpack(_ archive: String) throws -> (folder: String, leftOut: [Archive.LeftOut]) {
    if count == 0 {
      Interruption.removing(folder: folder)
      try Self.make(folder)
    }
    count += 1
    let place = "\(folder)/\(count)"
    try Self.make(place)
    return (place, try Archive.unpack(archive, into: place))
  }

  /// Takes all of it away.
  func remove() {
    try? FileManager.default.removeItem(atPath: folder)
    Interruption.removing(folder: nil)
  }

  private static func make(_ folder: String) throws {
    do {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
    } catch {
      throw CommandFailure(message: "\(folder): cannot be made")
    }
  }
}
