/// `vmstat` of other systems than Linux, by the header of its columns:
///
///     r b w   swap  free  re  mf pi po fr de sr f0 s0 s1 s2   in   sy   cs us sy id      Solaris, illumos
///     r b w     avm    fre   flt  re  pi  po    fr  sr ad0 da0   in   sy   cs us sy id   FreeBSD
///     r   s   avm     fre  flt  re  pi  po  fr  sr sd0  int   sys   cs us sy id          OpenBSD
///     r b      avm    fre  flt  re  pi   po   fr   sr w0   in   sy  cs us sy id          NetBSD
///     r  b   avm   fre  re  pi  po  fr   sr  cy  in   sy  cs us sy id wa                 AIX
///     r     b     w      avm    free   re   at    pi   po    fr   de    sr     in     sy    cs  us sy id   HP-UX
enum ForeignVmstat {
  /// The system's name; nil for a line that is no such header.
  static func operatingSystem(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> String? {
    var fields = Fields()
    fields.cut(bytes, start, end)
    guard fields.count >= 6 else { return nil }
    func has(_ names: StaticString...) -> Bool {
      names.allSatisfy { name in (0..<fields.count).contains { bytes.equals(name, fields[$0]) } }
    }
    guard
      has("us", "sy", "id") || has("us", "sy", "cs") || has("epi", "epo") || has("us", "sys", "id")
        || has("cow", "wire")
    else { return nil }
    if has("swap", "free", "re", "mf") { return "Solaris or illumos" }
    if has("cow", "wire") { return "Tru64" }
    guard has("avm") else { return nil }
    if has("free", "at") { return "HP-UX" }
    if has("fre", "cy") || has("fre", "fi", "fo") || has("fre", "pc") || has("fre", "ec") {
      return "AIX"
    }
    guard has("flt") else { return "another system than Linux" }
    if bytes.equals("s", fields[1]) || has("int") { return "OpenBSD" }
    if bytes.equals("avm", fields[2]) { return "NetBSD" }
    return "FreeBSD"
  }

  /// The message for a line of such a table.
  static func output(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> KnownOutput? {
    if let system = operatingSystem(bytes, start, end) {
      return KnownOutput(advice: advice(system))
    }
    if bytes.has("Mach Virtual Memory Statistics", at: start, end) {
      return KnownOutput(
        advice:
          "this is vm_stat of macOS; only the tools of Linux are read, and macOS has none of them")
    }
    if bytes.has("System configuration: lcpu=", at: start, end) {
      return KnownOutput(isVague: true, advice: advice("AIX", tool: "a tool"))
    }
    // The line above the columns, which Linux draws with dashes.
    let isGroups =
      (bytes.has("kthr", at: start, end) || bytes.has("procs", at: start, end))
      && bytes.find("memory", from: start, end) != nil
      && bytes.find("page", from: start, end) != nil && bytes.find("cpu", from: start, end) != nil
      && bytes.find("--", from: start, end) == nil
    return isGroups
      ? KnownOutput(isVague: true, advice: advice("another system than Linux")) : nil
  }

  private static func advice(_ system: String, tool: String = "vmstat") -> String {
    "this is \(tool) of \(system); only Linux's is read: its columns mean other things"
  }
}
