// swift-tools-version: 6.2
import PackageDescription

// A package of its own: it looks inside TraceIngest, for which that is built with testing enabled, and the
// program is not. `make bench` builds and runs it.
let package = Package(
  name: "hiddenq-parsing",
  dependencies: [.package(name: "hiddenq", path: "../..")],
  targets: [
    .executableTarget(
      name: "parsing",
      dependencies: [.product(name: "TraceIngest", package: "hiddenq")],
      swiftSettings: [
        .swiftLanguageMode(.v6), .strictMemorySafety(), .treatAllWarnings(as: .error),
      ])
  ]
)
