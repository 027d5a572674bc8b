// swift-tools-version: 6.2
import PackageDescription

// A package of its own, so that the program's build knows nothing of libFuzzer. `make fuzz` builds and
// runs it; the flags that instrument the code are there.
let package = Package(
  name: "hiddenq-fuzz",
  dependencies: [.package(name: "hiddenq", path: "..")],
  targets: [
    .target(name: "LibFuzzer"),
    .executableTarget(
      name: "fuzz",
      dependencies: ["LibFuzzer", .product(name: "TraceIngest", package: "hiddenq")],
      swiftSettings: [.swiftLanguageMode(.v6), .treatAllWarnings(as: .error)]),
  ]
)
