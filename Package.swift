// swift-tools-version: 6.2
import PackageDescription

/// Every target of ours: Swift 6, no implicit existential, every import with its access level, every
/// unsafe construct spelled out, and no warning left standing.
let house: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .strictMemorySafety(),
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
]

/// The same, for what reads, joins and judges: tests run it on much input. It is optimised in a debug build, too, with
/// its assertions and all that tests see of it.
let busy: [SwiftSetting] =
  house + [.unsafeFlags(["-O", "-assert-config", "Debug"], .when(configuration: .debug))]

let package = Package(
  name: "hiddenq",
  products: [
    .executable(name: "hiddenq", targets: ["hiddenq"]),
    // For Fuzz/ and bench/parsing/, packages of their own.
    .library(name: "TraceIngest", targets: ["TraceModel", "TraceIngest"]),
  ],
  dependencies: [
    .package(url: "https://github.com/groue/GRDB.swift", exact: "7.10.0"),
    .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
    .package(url: "https://github.com/jpsim/Yams", exact: "6.2.2"),
  ],
  targets: [
    // The vocabulary: imports nothing, imported by all.
    .target(name: "TraceModel", swiftSettings: busy),
    // gzip, xz, zstd, bzip2, as the system has them.
    .systemLibrary(
      name: "CompressionLibraries",
      providers: [.apt(["zlib1g-dev", "liblzma-dev", "libzstd-dev", "libbz2-dev"])]),
    // SHA-256 and HMAC, as the system's OpenSSL has them.
    .systemLibrary(name: "OpenSSLCrypto", providers: [.apt(["libssl-dev"])]),
    .target(name: "TraceDigest", dependencies: ["OpenSSLCrypto"], swiftSettings: house),
    // bytes -> lines -> events -> requests, pushed into an EventSink.
    .target(
      name: "TraceIngest",
      dependencies: [
        "TraceModel", "TraceDigest", "CompressionLibraries",
      ],
      swiftSettings: busy),
    // Clocks, mapping, matching, hops: values in, values out.
    .target(name: "TraceCorrelation", dependencies: ["TraceModel"], swiftSettings: busy),
    // The SQL of schema/ and the script of capture/, compiled in.
    .target(name: "SchemaText"),
    // Rows in and out: the only target that knows SQLite.
    .target(
      name: "TraceStore",
      dependencies: [
        "TraceModel", "TraceDigest", "SchemaText",
        .product(name: "GRDB", package: "GRDB.swift"),
        .product(name: "GRDBSQLite", package: "GRDB.swift"),
      ],
      swiftSettings: busy),
    // Runs the correlation over a store; turns views into facts.
    .target(
      name: "TraceAnalysis", dependencies: ["TraceModel", "TraceCorrelation", "TraceStore"],
      swiftSettings: busy),
    // Facts -> document -> text, Markdown.
    .target(
      name: "TraceReport", dependencies: ["TraceModel", "TraceStore", "TraceAnalysis"],
      swiftSettings: house),
    // The command line: wiring and exit codes, no decisions about data.
    .executableTarget(
      name: "hiddenq",
      dependencies: [
        "TraceModel", "TraceDigest", "SchemaText", "TraceIngest", "TraceStore", "TraceAnalysis",
        "TraceReport",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Yams", package: "Yams"),
      ],
      swiftSettings: house),
    // What tests of several targets share.
    .target(
      name: "TestSupport", dependencies: ["TraceModel"], path: "Tests/TestSupport",
      swiftSettings: house),
    .testTarget(
      name: "TraceIngestTests",
      dependencies: [
        "TraceModel", "TraceDigest", "TraceIngest", "TestSupport", "CompressionLibraries",
      ],
      swiftSettings: house),
    .testTarget(
      name: "TraceCorrelationTests", dependencies: ["TraceModel", "TraceCorrelation"],
      swiftSettings: house),
    .testTarget(
      name: "TraceAnalysisTests",
      dependencies: ["TraceModel", "TraceCorrelation", "TraceAnalysis"], swiftSettings: house),
    .testTarget(
      name: "TraceStoreTests",
      dependencies: [
        "TraceModel", "TraceIngest", "TraceStore", "TestSupport",
        .product(name: "GRDB", package: "GRDB.swift"),
      ],
      swiftSettings: house),
    .testTarget(
      name: "TraceReportTests",
      dependencies: ["TraceModel", "TraceStore", "TraceAnalysis", "TraceReport", "TestSupport"],
      swiftSettings: house),
    // Rules, sections and comparison on small incidents, without a process.
    .testTarget(
      name: "RuleTests",
      dependencies: [
        "TraceModel", "TraceIngest", "TraceStore", "TraceAnalysis", "TraceReport", "TestSupport",
        "TraceIngestTests", .product(name: "GRDB", package: "GRDB.swift"),
      ],
      swiftSettings: house),
    .testTarget(
      name: "HiddenQTests",
      dependencies: ["hiddenq", "TraceStore", "TraceAnalysis", "TestSupport"],
      swiftSettings: house),
    // All that reads captures, samples and scripts beside the checkout (../shared); skipped without them.
    .testTarget(
      name: "CaptureTests",
      dependencies: [
        "HiddenQTests", "TraceIngestTests", "TraceModel", "TraceIngest",
        "TraceStore", "TraceAnalysis", "TraceReport", "TestSupport",
        .product(name: "GRDB", package: "GRDB.swift"),
      ],
      swiftSettings: house),
  ],
  cLanguageStandard: .c2x
)
