internal import TraceCorrelation
internal import TraceModel
internal import TraceStore

/// Maps of disks out of what `filefrag -v` and `qemu-img map` printed.
///
/// A raw image is its file: the file's extents are the disk's. A qcow2 image goes through its own table
/// first. Which map is which disk's the files do not say reliably (paths differ between tools and
/// machines), so every composition is a candidate and the requests decide. Maps taken before and after an
/// incident differ where holes were filled: the one that fits best is used.
enum GivenMaps {
  /// Every disk map that the extents allow, file-system sectors on the host's side.
  static func compose(_ extents: [GivenExtentRow]) -> [ExtentMap] {
    let bySource = Dictionary(grouping: extents, by: \.source)
    var files: [ExtentMap] = []
    var images: [ExtentMap] = []
    for source in bySource.keys.sorted() {
      let rows = bySource[source] ?? []
      let map = map(of: rows)
      guard !map.extents.isEmpty else { continue }
      if rows.first?.tool == "filefrag" { files.append(map) } else { images.append(map) }
    }
    return files + images.flatMap { image in files.map { image.followed(by: $0) } }
  }

  /// The map of a disk that an incident.yaml gives; nil where it gives none. An extent without an end reaches
  /// to the disk's last requested sector.
  static func written(_ extents: [GivenDeviceExtent], _ rows: BlockRequests) -> ExtentMap? {
    guard !extents.isEmpty else { return nil }
    let end = rows.lazy.map { $0.sector + $0.sectors }.max() ?? 0
    return ExtentMap(
      extents.compactMap { extent in
        let sectors = extent.sectors ?? end - extent.guestSector
        guard sectors > 0 else { return nil }
        return ExtentMap.Extent(
          guestSector: extent.guestSector, hostSector: extent.hostSector, sectors: sectors)
      })
  }

  private static func map(of rows: [GivenExtentRow]) -> ExtentMap {
    ExtentMap(
      rows.compactMap { row in
        // Extents without a target are holes.
        guard let target = row.target, row.bytes >= sector else { return nil }
        return ExtentMap.Extent(
          guestSector: row.start / sector, hostSector: target / sector,
          sectors: row.bytes / sector)
      })
  }

  private static let sector: Int64 = 512
}
