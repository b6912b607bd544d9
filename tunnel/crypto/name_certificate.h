// tunnel/crypto/name_certificate.h: the service's signed statement that a virtual name belongs to a
// static key. Endpoints show it to each other inside end-to-end handshakes. Decides nothing about
// who may have which name, and does not check that the session's peer holds the key: callers
// compare NameCertificate::key with NoiseHandshake::remote_static().
//
//   0        1                3              3+n      +32          +8          +8       +8 +64
//  +--------+----------------+--------------+--------+-----------+-----------+--------+-----------+
//  | 1      | n = length u16 | name         | key    | not before| not after | serial | signature |
//  +--------+----------------+--------------+--------+-----------+-----------+--------+-----------+
//
// Big-endian; times are Unix nanoseconds. The Ed25519 signature covers kSigningDomain and all the
// octets before it, so nothing else that the key signs can pass for a certificate.
#pragma once
#include <string>
#include <string_view>

#include "tunnel/base/result.h"
#include "tunnel/base/time.h"
#include "tunnel/crypto/keys.h"

namespace culvert::crypto {

struct NameCertificate {
  static constexpr std::string_view kSigningDomain = "culvert name certificate 1\n";
  static constexpr std::size_t kMaxSize = 1 + 2 + 253 + 32 + 3 * 8 + 64;

  // Lower-case, at least two labels of a-z, 0-9 and inner hyphens, at most 253 octets.
  std::string name;
  PublicKey key;  // the endpoint's
  UnixTime not_before;
  UnixTime not_after;  // inclusive
  std::uint64_t serial = 0;

  // kBadInput when the name or the times break the rules above: an administrator may have typed
  // them.
  Result<ByteVector> sign(const SigningKeyPair& service) const;

  // kProtocol: malformed. kAuthentication: wrong signature, expired, not yet valid.
  static Result<NameCertificate> verify(Bytes encoded, const SignaturePublicKey& service,
                                        UnixTime now);

  // For showing a certificate to a person. NOTHING in the result can be trusted.
  static Result<NameCertificate> decode_unverified(Bytes encoded);

  bool operator==(const NameCertificate&) const = default;
};

}  // namespace culvert::crypto
