import Glibc
import LibFuzzer
import TraceIngest
import TraceModel

// usage: HIDDENQ_FUZZ=FAMILY fuzz [options of libFuzzer] CORPUS...
// The first byte of an input picks the format, the rest is the file.

guard Family.forgotten.isEmpty else {
  print("fuzz: no family has \(Family.forgotten.joined(separator: ", "))")
  exit(2)
}
guard let wanted = getenv("HIDDENQ_FUZZ").map({ String(cString: $0) }),
  let family = Family.all.first(where: { $0.name == wanted })
else {
  print("fuzz: set HIDDENQ_FUZZ to one of " + Family.all.map(\.name).joined(separator: ", "))
  exit(2)
}

/// The file that each input becomes; in memory.
let file = fileInMemory()
let current = family

var count = CommandLine.argc
var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = CommandLine.unsafeArgv
exit(
  LLVMFuzzerRunDriver(&count, &arguments) { data, size in
    guard let data, size > 0 else { return 0 }
    ftruncate(file, 0)
    pwrite(file, data + 1, size - 1, 0)
    var options = IngestOptions()
    options.format = current.format(data[0])
    // All that can be wrong with a line may be wrong with each.
    options.allowedBadPercent = 100
    let sink = CheckingSink()
    do {
      let run = try IngestRun(
        input: SourceInput(path: "/proc/self/fd/\(file)"), options: options)
      sink.check(try run.read(into: sink))
    } catch is ReadError {
    } catch is IngestError {
    } catch {
      // A sink that throws nothing: only these two are promised.
      fatalError("an error of another kind: \(error)")
    }
    return 0
  })
