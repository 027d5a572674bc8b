import Foundation
import TestSupport
import Testing

/// The part of JSON Schema that the schemas of `schema/` use.
enum JSONShape {
  static func faults(_ value: Any, _ schema: Any, at path: String) -> [String] {
    guard let schema = schema as? [String: Any] else { return ["\(path): no schema"] }
    var faults: [String] = []
    let types = (schema["type"] as? [String]) ?? (schema["type"] as? String).map { [$0] } ?? []
    if !types.isEmpty, !types.contains(where: { isA(value, $0) }) {
      faults.append("\(path): is no \(types)")
    }
    if let allowed = schema["enum"] as? [String], let text = value as? String,
      !allowed.contains(text)
    {
      faults.append("\(path): '\(text)' is none of \(allowed)")
    }
    if let constant = schema["const"] as? NSObject, constant != value as? NSObject {
      faults.append("\(path): is not \(constant)")
    }
    if let object = value as? [String: Any] {
      for name in schema["required"] as? [String] ?? [] where object[name] == nil {
        faults.append("\(path).\(name): is missing")
      }
      for (name, part) in schema["properties"] as? [String: Any] ?? [:] {
        if let member = object[name] { faults += Self.faults(member, part, at: "\(path).\(name)") }
      }
    }
    if let items = schema["items"], let list = value as? [Any] {
      for (index, item) in list.enumerated() {
        faults += Self.faults(item, items, at: "\(path)[\(index)]")
      }
    }
    return faults
  }

  private static func isA(_ value: Any, _ type: String) -> Bool {
    switch type {
    case "object": value is [String: Any]
    case "array": value is [Any]
    case "string": value is String
    case "boolean": value is Bool
    case "null": value is NSNull
    case "integer": (value as? NSNumber).map { $0.doubleValue == $0.doubleValue.rounded() } ?? false
    case "number": value is NSNumber
    default: false
    }
  }
}

struct ComparisonJSONTests {
  @Test("what `compare --format json` prints is what schema/comparison.schema.json says")
  func shape() throws {
    let fixture = Repository.fixtures.appending(path: "kvm-noisy-cpu").path
    let incident = try Repository.temporaryFolder().appending(path: "i.db").path
    #expect(try Program.run("ingest", incident, fixture).status == 0)
    let outcome = try Program.run("compare", incident, incident, "--format", "json")
    let schema = try JSONSerialization.jsonObject(
      with: Data(contentsOf: Repository.root.appending(path: "schema/comparison.schema.json")))
    let document = try JSONSerialization.jsonObject(with: Data(outcome.output.utf8))
    #expect(JSONShape.faults(document, schema, at: "$") == [])
    #expect(!JSONShape.faults(["version": 2], schema, at: "$").isEmpty)
  }
}
