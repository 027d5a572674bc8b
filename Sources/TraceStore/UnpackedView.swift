internal import GRDB

/// A view over what the incident file keeps packed, made for the connection that asks for it. Each has a file in
/// `schema/program`.
enum UnpackedView: String, CaseIterable {
  case threadInterval = "thread_interval"
  case blockEvent = "block_event"
  case schedEvent = "sched_event"
}

extension Database {
  /// Makes the view, unless this connection has it.
  func make(_ view: UnpackedView) throws {
    let isThere = try Bool.fetchOne(
      self, sql: "SELECT count(*) FROM sqlite_temp_master WHERE type = 'view' AND name = ?",
      arguments: [view.rawValue])
    if isThere == true { return }
    switch view {
    case .threadInterval: try unpackSlices()
    case .blockEvent: try unpackBlockEvents()
    case .schedEvent: try unpackSchedEvents()
    }
    for file in Schema.files where file.path == "program/\(view.rawValue).sql" {
      try execute(sql: file.text)
    }
  }
}
