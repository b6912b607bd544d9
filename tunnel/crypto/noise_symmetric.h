// tunnel/crypto/noise_symmetric.h: what the two parties of a handshake agree on so far: the
// SymmetricState with its CipherState of the Noise specification (revision 34, section 5), for
// 25519, ChaChaPoly, SHA256. Knows no message pattern.
#pragma once
#include <array>
#include <optional>
#include <string_view>

#include "tunnel/base/bytes.h"
#include "tunnel/base/secret.h"
#include "tunnel/crypto/aead.h"

namespace culvert::crypto {

class NoiseSymmetric {
 public:
  explicit NoiseSymmetric(std::string_view protocol_name);  // at most 32 characters

  void mix_hash(Bytes data);
  void mix_key(const Secret<32>& input);
  void encrypt_and_hash(Bytes plain, ByteVector& out);  // appends text and tag; needs a key
  [[nodiscard]] bool decrypt_and_hash(Bytes sealed, ByteVector& plain);  // appends

  // The keys of the two directions: initiator to responder first.
  std::array<Secret<32>, 2> split() const;
  const std::array<std::byte, 32>& hash() const { return hash_; }

 private:
  Secret<32> chaining_;
  std::array<std::byte, 32> hash_{};
  std::optional<AeadKey> cipher_;
  std::uint64_t counter_ = 0;
};

}  // namespace culvert::crypto
