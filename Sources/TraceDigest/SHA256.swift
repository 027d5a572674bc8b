internal import OpenSSLCrypto

/// SHA-256 (FIPS 180-4) of bytes that come piece by piece, by OpenSSL's EVP.
@safe
public final class SHA256 {
  /// Bytes of a digest.
  public static let size = 32

  private let context: OpaquePointer

  /// The digest of no bytes yet. Throws where OpenSSL has no memory or its configuration no SHA-256.
  public init() throws(DigestError) {
    guard let context = unsafe EVP_MD_CTX_new() else { throw DigestError() }
    unsafe self.context = context
    guard unsafe EVP_DigestInit_ex(context, EVP_sha256(), nil) == 1 else { throw DigestError() }
  }

  deinit { unsafe EVP_MD_CTX_free(context) }

  /// Adds bytes behind those before.
  @unsafe
  public func update(_ bytes: UnsafeRawBufferPointer) {
    unsafe _ = EVP_DigestUpdate(context, bytes.baseAddress, bytes.count)
  }

  /// Adds bytes behind those before.
  public func update(_ bytes: [UInt8]) {
    unsafe bytes.withUnsafeBytes { unsafe update($0) }
  }

  /// The digest of all bytes so far: ``size`` bytes. More may follow.
  public func digest() throws(DigestError) -> [UInt8] {
    guard let copy = unsafe EVP_MD_CTX_new() else { throw DigestError() }
    defer { unsafe EVP_MD_CTX_free(copy) }
    var digest = [UInt8](repeating: 0, count: Self.size)
    guard unsafe EVP_MD_CTX_copy_ex(copy, context) == 1,
      unsafe EVP_DigestFinal_ex(copy, &digest, nil) == 1
    else { throw DigestError() }
    return digest
  }

  /// The digest of these bytes: ``size`` bytes.
  public static func digest(of bytes: [UInt8]) throws(DigestError) -> [UInt8] {
    let sum = try SHA256()
    sum.update(bytes)
    return try sum.digest()
  }

  /// HMAC-SHA256 (RFC 2104) of bytes under a key of any length: ``size`` bytes.
  public static func authenticationCode(
    of bytes: [UInt8], key: [UInt8]
  ) throws(DigestError) -> [UInt8] {
    var code = [UInt8](repeating: 0, count: size)
    let length = Int32(clamping: key.count)
    guard unsafe HMAC(EVP_sha256(), key, length, bytes, bytes.count, &code, nil) != nil else {
      throw DigestError()
    }
    return code
  }
}

/// OpenSSL could not compute a digest: no memory, or a configuration without SHA-256.
public struct DigestError: Error, CustomStringConvertible {
  /// A sentence for users.
  public let description = "OpenSSL cannot compute SHA-256 here; check its configuration"
}
