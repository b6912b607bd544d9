// tunnel/crypto/keys.h: key pairs as values. X25519 keys name parties and run the session
// handshake, Ed25519 keys sign name certificates. libsodium computes; files and permissions are the
// owner's.
//
// Public keys are 32 bytes (RFC 7748, RFC 8032). As text: 43 characters of base64url, or 64
// hexadecimal digits. A key is compared by its bytes, so a peer that sends a non-canonical encoding
// of its key is a different, unknown party.
#pragma once
#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "tunnel/base/bytes.h"
#include "tunnel/base/random.h"
#include "tunnel/base/result.h"
#include "tunnel/base/secret.h"

namespace culvert::crypto {

// Tag keeps a key of one purpose from being passed where the other is meant.
template <class Tag>
class PublicBytes {
 public:
  static constexpr std::size_t kSize = 32;

  PublicBytes() = default;
  explicit PublicBytes(std::span<const std::byte, kSize> from) {
    std::memcpy(bytes_.data(), from.data(), kSize);
  }
  static Result<PublicBytes> parse(std::string_view text);  // either of the two forms above

  std::span<const std::byte, kSize> view() const { return bytes_; }
  const std::uint8_t* data() const { return as_u8(view()); }
  std::string to_string() const { return to_base64url(bytes_); }
  std::string hex() const { return to_hex(bytes_); }
  bool operator==(const PublicBytes&) const = default;
  bool operator<(const PublicBytes& other) const {  // for maps
    return std::ranges::lexicographical_compare(bytes_, other.bytes_);
  }

 private:
  std::array<std::byte, kSize> bytes_{};
};

using PublicKey = PublicBytes<struct X25519Tag>;
using SignaturePublicKey = PublicBytes<struct Ed25519Tag>;

struct KeyPair {  // X25519
  Secret<32> secret;
  PublicKey public_key;

  static KeyPair generate(Random& random);
  static KeyPair from_secret(const Secret<32>& secret);
};

// Fails when the result is all zero (RFC 7748 section 6.1): the peer's key has a small order and
// the "shared" secret would be known to everybody.
Result<Secret<32>> diffie_hellman(const KeyPair& own, const PublicKey& peer);

using Signature = std::array<std::byte, 64>;

class SigningKeyPair {  // Ed25519
 public:
  static SigningKeyPair generate(Random& random);
  static SigningKeyPair from_seed(const Secret<32>& seed);

  const SignaturePublicKey& public_key() const { return public_key_; }
  Secret<32> seed() const;  // what is stored
  Signature sign(Bytes message) const;

 private:
  Secret<64> expanded_;
  SignaturePublicKey public_key_;
};

[[nodiscard]] bool is_signed_by(const SignaturePublicKey& signer, Bytes message,
                                const Signature& signature);

}  // namespace culvert::crypto
