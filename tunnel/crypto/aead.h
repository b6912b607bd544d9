// tunnel/crypto/aead.h: authenticated encryption of one record, in place (RFC 5116 sense).
//
// Knows neither records nor handshakes: the caller hands out counters. DANGER: a counter must never
// be used twice with one key, not even for a record that was never sent; both algorithms then leak
// the authentication key.
//
// The 96-bit nonce is 32 zero bits and the counter, little-endian for ChaCha20-Poly1305,
// big-endian for AES-256-GCM (Noise revision 34, section 12). Tags are 16 bytes. Nothing is
// allocated after make(). Safe limits for one key: 2^36 bytes per record, and far below 2^32
// records under AES-GCM if records are 16 KiB (NIST SP 800-38D); the session re-keys long before.
#pragma once
#include <array>
#include <memory>
#include <optional>
#include <vector>

#include "tunnel/base/bytes.h"
#include "tunnel/base/strays.h"

namespace culvert::crypto {

// DO NOT CHANGE THE VALUES: they travel in session handshakes (PROTOCOL.md).
enum class AeadAlgorithm : std::uint8_t { kAes256Gcm = 1, kChaCha20Poly1305 = 2 };

inline constexpr std::size_t kAeadTagSize = 16;
using AeadNonce = std::array<std::uint8_t, 12>;

// Whether this machine computes AES-GCM in hardware. Without that it would be slow or leak through
// cache timing, so kAes256Gcm then is not offered at all.
bool hardware_aes();
bool is_supported(AeadAlgorithm algorithm);
std::vector<AeadAlgorithm> preferred_algorithms();  // best first; ChaCha20-Poly1305 always in it

bool supports_aes128_gcm();  // intel-ipsec-mb only: libsodium has none

class AeadEngine;

// One expanded key: two words here, up to 1.1 KB behind it, wiped when it goes. A moved-from key
// may only be destroyed or assigned to. seal() and open() of one key may run on several threads.
class AeadKey {
 public:
  // `algorithm` must be supported here: check what a peer names with is_supported() first.
  static AeadKey make(AeadAlgorithm algorithm, std::span<const std::byte, 32> key);
  // For TLS alone, so it has no number on our wire. Empty unless supports_aes128_gcm().
  static std::optional<AeadKey> make_aes128_gcm(std::span<const std::byte, 16> key);

  AeadKey(AeadKey&&) noexcept;
  AeadKey& operator=(AeadKey&&) noexcept;
  ~AeadKey();

  void seal(std::uint64_t counter, Bytes aad, MutableBytes text,
            std::span<std::byte, kAeadTagSize> tag) const;

  // The same where parts of the text are elsewhere still.
  void seal(std::uint64_t counter, Bytes aad, MutableBytes text, std::span<const Stray> strays,
            std::span<std::byte, kAeadTagSize> tag) const;

  // False when anything was altered; `text` then holds zeros.
  [[nodiscard]] bool open(std::uint64_t counter, Bytes aad, MutableBytes text, Bytes tag) const;

  // The same under a nonce of the caller's making (DANGER: as counters), from one place to another:
  // `out` has the size of `text` and is either the same place or does not overlap it. That saves
  // the copy where text has to move anyway.
  void seal(const AeadNonce& nonce, Bytes aad, Bytes text, MutableBytes out,
            std::span<std::byte, kAeadTagSize> tag) const;
  [[nodiscard]] bool open(const AeadNonce& nonce, Bytes aad, Bytes text, MutableBytes out,
                          std::span<const std::byte, kAeadTagSize> tag) const;

 private:
  AeadKey(AeadAlgorithm algorithm, std::unique_ptr<const AeadEngine> engine);
  AeadAlgorithm algorithm_;  // how counters become nonces
  std::unique_ptr<const AeadEngine> engine_;
};

}  // namespace culvert::crypto
