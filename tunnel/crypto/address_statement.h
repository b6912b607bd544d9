// tunnel/crypto/address_statement.h: the service's signed statement that the endpoint with a static
// key receives at an address. Endpoints show it to each other inside their session, beside the
// address that the service tells by itself. Decides nothing about who gets one.
//
//   0        1        +32         +8       +1           +4 or 16    +64
//  +--------+--------+-----------+------------+---------+-----------+
//  | 1      | key    | not after | length u8  | address | signature |
//  +--------+--------+-----------+------------+---------+-----------+
//
// Big-endian; Unix nanoseconds. The Ed25519 signature covers kSigningDomain and all octets before
// it.
#pragma once
#include <string_view>

#include "tunnel/base/address.h"
#include "tunnel/base/time.h"
#include "tunnel/crypto/keys.h"

namespace culvert::crypto {

struct AddressStatement {
  static constexpr std::string_view kSigningDomain = "culvert address statement 1\n";
  static constexpr std::size_t kMaxSize = 1 + 32 + 8 + 1 + 16 + 64;

  PublicKey key;  // the endpoint's
  IpAddress address;
  UnixTime not_after;  // inclusive

  ByteVector sign(const SigningKeyPair& service) const;

  // kProtocol: malformed. kAuthentication: wrong signature, another endpoint's, or too old.
  static Result<AddressStatement> verify(Bytes encoded, const SignaturePublicKey& service,
                                         const PublicKey& endpoint, UnixTime now);
  bool operator==(const AddressStatement&) const = default;
};

}  // namespace culvert::crypto
