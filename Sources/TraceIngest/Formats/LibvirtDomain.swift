internal import TraceModel

/// A guest's XML, as `virsh dumpxml` prints it and libvirt keeps it in `/run/libvirt/qemu/`: its disks, their limits, and
/// of a running guest the threads of its vCPUs.
///
///     <domain type='kvm' id='3'>
///       <name>web1</name>
///       <cputune><period>100000</period><quota>20000</quota></cputune>
///       <disk type='file' device='disk'>
///         <driver name='qemu' type='qcow2'/>
///         <source file='/images/web1.qcow2'/>
///         <target dev='vda' bus='virtio'/>
///         <iotune>
///           <total_iops_sec>200</total_iops_sec>
struct LibvirtDomain: FactFormat {
  let name = "libvirt-xml"
  let producedBy = "virsh dumpxml VM"
  let clock = "none"
  let goodFor = "a guest's disks, and the limits on their I/O and on its CPUs"

  func begins(_ head: Span<UInt8>) -> Bool {
    anyLine(of: head, atMost: 16) { start, end in DomainLines.isBegin(head, start, end) }
  }

  func lines() -> any FactLines { DomainLines() }
}

private final class DomainLines: FactLines {
  /// The disk whose element is open.
  private var disk: DriveFact?
  private var limits: [(word: Substring, amount: Int64, line: Int64)] = []
  private var guest: String?
  private var isInside = false
  /// What lies below a disk's own image has a source of its own.
  private var depthBelow = 0
  private var (quota, period): (Int64?, Int64?) = (nil, nil)
  private var begin: Int64 = 0

  static func isBegin(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
    let (from, last) = bytes.trimmed(start, end)
    return bytes.has("<domain type=", at: from, last) || bytes.has("<domstatus ", at: from, last)
  }

  func opens(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
    Self.isBegin(bytes, start, end)
  }

  func take(_ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ log: inout FactLog) -> Bool {
    let (from, last) = bytes.trimmed(start, end)
    guard from < last else { return isInside }
    if Self.isBegin(bytes, from, last) {
      if !isInside { (guest, quota, period, begin) = (nil, nil, nil, log.line) }
      isInside = true
      return true
    }
    // The guest's XML within libvirt's own has ended.
    if !isInside, guest != nil, bytes.has("</domstatus>", at: from, last) { return true }
    guard isInside else { return false }
    if bytes.has("</domain>", at: from, last) || bytes.has("</domstatus>", at: from, last) {
      finishCPUs(&log)
      isInside = false
      return true
    }
    // Several elements may stand in one line.
    var at = from
    while let open = bytes.find("<", from: at, last) {
      let close = bytes.find(">", from: open, last) ?? last
      element(bytes, open, close, last, &log)
      at = max(close, open + 1)
    }
    return true
  }

  func finish(_ log: inout FactLog) { finishCPUs(&log) }

  /// The element that begins at `open`; its text ends before `end`.
  private func element(
    _ bytes: Span<UInt8>, _ open: Int, _ close: Int, _ end: Int, _ log: inout FactLog
  ) {
    func text() -> String {
      let stop = bytes.find("<", from: close, end) ?? end
      return close + 1 <= stop ? bytes.text(from: close + 1, to: stop) : ""
    }
    func attribute(_ name: StaticString) -> String? {
      Self.attribute(name, bytes, open, close)
    }
    if bytes.has("<name>", at: open, end), guest == nil {
      guest = text()
    } else if bytes.has("<vcpu id=", at: open, end) {
      guard let tid = attribute(" pid=").flatMap({ Int64($0) }), tid > 0 else { return }
      var thread = ThreadFact(tid: tid, line: log.line)
      thread.role = .vcpu
      thread.vcpu = attribute(" id=").flatMap { Int64($0) }
      thread.guest = guest
      log.batch.threads.append(thread)
    } else if bytes.has("<quota>", at: open, end) {
      quota = Int64(text())
    } else if bytes.has("<period>", at: open, end) {
      period = Int64(text())
    } else if bytes.has("<disk ", at: open, end) {
      disk = DriveFact(line: log.line)
      (limits, depthBelow) = ([], 0)
    } else if bytes.has("</disk>", at: open, end) {
      finishDisk(&log)
    } else if disk != nil {
      ofDisk(
        bytes, open, end, text, attribute, isWhole: bytes[close - 1] == UInt8(ascii: "/"), log.line)
    }
  }

  private func ofDisk(
    _ bytes: Span<UInt8>, _ open: Int, _ end: Int, _ text: () -> String,
    _ attribute: (StaticString) -> String?, isWhole: Bool, _ line: Int64
  ) {
    if bytes.has("<backingStore", at: open, end) || bytes.has("<mirror", at: open, end) {
      if !isWhole { depthBelow += 1 }
    } else if bytes.has("</backingStore", at: open, end) || bytes.has("</mirror", at: open, end) {
      depthBelow = max(0, depthBelow - 1)
    } else if depthBelow == 0 {
      if bytes.has("<source ", at: open, end) {
        disk?.file = attribute(" file=") ?? attribute(" dev=") ?? attribute(" name=")
      } else if bytes.has("<target ", at: open, end) {
        disk?.device = attribute(" dev=")
      } else if bytes.has("<driver ", at: open, end) {
        disk?.driver = attribute(" type=")
      } else {
        var stop = open + 1
        while stop < end, bytes[stop] != UInt8(ascii: ">"), bytes[stop] > 0x20 { stop += 1 }
        let word = bytes.text(from: open + 1, to: stop)
        if IOLimits.name(word[...]) != nil, let amount = Int64(text()) {
          limits.append((word[...], amount, line))
        }
      }
    }
  }

  private func finishDisk(_ log: inout FactLog) {
    guard var own = disk else { return }
    disk = nil
    own.guest = guest
    log.batch.drives.append(own)
    log.batch.settings += limits.compactMap {
      IOLimits.fact($0.word, $0.amount, of: own.device ?? "", line: $0.line)
    }
  }

  /// `<quota>20000</quota>` of a `<period>` of 100000 us: each vCPU gets a fifth of a CPU; -1 means unlimited.
  private func finishCPUs(_ log: inout FactLog) {
    defer { (quota, period) = (nil, nil) }
    guard let quota, quota > 0 else { return }
    log.batch.settings.append(
      SettingFact(
        kind: IOLimits.kind, object: guest ?? "", name: "vcpu_quota",
        value: "\(quota) \(period ?? 100_000)", line: begin))
  }

  /// `dev='vda'`, with either kind of quotes; the name stands behind a blank.
  private static func attribute(
    _ name: StaticString, _ bytes: Span<UInt8>, _ open: Int, _ close: Int
  ) -> String? {
    guard let found = bytes.find(name, from: open, close) else { return nil }
    let from = found + name.utf8CodeUnitCount
    guard from < close, bytes[from] == UInt8(ascii: "'") || bytes[from] == UInt8(ascii: "\"") else {
      return nil
    }
    var to = from + 1
    while to < close, bytes[to] != bytes[from] { to += 1 }
    return bytes.text(from: from + 1, to: to)
  }
}
