internal import TraceStore

/// A part of the correlation: finds one kind of result, and writes it.
///
/// Passes run in the order of ``Correlation/passes``. What one finds for others it leaves in the context; the I/Os of
/// the disks are filled in there by several of them, so all passes have run before the first writes.
protocol CorrelationPass: SendableMetatype {
  /// The tables that it fills, alone or together with others.
  static var fills: [String] { get }

  /// Finds what there is to find.
  init(_ context: CorrelationContext) throws

  /// Writes what was found into the open transaction.
  func write(to writer: CorrelationWriter, _ context: CorrelationContext) throws
}
