// libsodium: everywhere for ChaCha20-Poly1305; AES-256-GCM in 1.0.18 on x86-64 with AES-NI only.
#include <sodium.h>

#include "tunnel/base/secret.h"
#include "tunnel/crypto/aead_engine.h"

namespace culvert::crypto {
namespace {

class SodiumChaCha final : public AeadEngine {
 public:
  explicit SodiumChaCha(std::span<const std::byte, 32> key) : key_(key) {}

  void seal(const AeadNonce& nonce, Bytes aad, Bytes text, MutableBytes out,
            std::span<std::byte, kAeadTagSize> tag) const override {
    crypto_aead_chacha20poly1305_ietf_encrypt_detached(
        never_null(out), as_u8(MutableBytes{tag}), nullptr, never_null(text), text.size(),
        never_null(aad), aad.size(), nullptr, nonce.data(), key_.data());
  }

  bool open(const AeadNonce& nonce, Bytes aad, Bytes text, MutableBytes out,
            std::span<const std::byte, kAeadTagSize> tag) const override {
    return crypto_aead_chacha20poly1305_ietf_decrypt_detached(
               never_null(out), nullptr, never_null(text), text.size(), as_u8(Bytes{tag}),
               never_null(aad), aad.size(), nonce.data(), key_.data()) == 0;
  }

 private:
  Secret<32> key_;
};

class SodiumAesGcm final : public AeadEngine {
 public:
  explicit SodiumAesGcm(std::span<const std::byte, 32> key) {
    crypto_aead_aes256gcm_beforenm(&expanded_, as_u8(key));
  }
  SodiumAesGcm(const SodiumAesGcm&) = delete;
  SodiumAesGcm& operator=(const SodiumAesGcm&) = delete;
  ~SodiumAesGcm() override { sodium_memzero(&expanded_, sizeof expanded_); }

  void seal(const AeadNonce& nonce, Bytes aad, Bytes text, MutableBytes out,
            std::span<std::byte, kAeadTagSize> tag) const override {
    crypto_aead_aes256gcm_encrypt_detached_afternm(
        never_null(out), as_u8(MutableBytes{tag}), nullptr, never_null(text), text.size(),
        never_null(aad), aad.size(), nullptr, nonce.data(), &expanded_);
  }

  bool open(const AeadNonce& nonce, Bytes aad, Bytes text, MutableBytes out,
            std::span<const std::byte, kAeadTagSize> tag) const override {
    return crypto_aead_aes256gcm_decrypt_detached_afternm(
               never_null(out), nullptr, never_null(text), text.size(), as_u8(Bytes{tag}),
               never_null(aad), aad.size(), nonce.data(), &expanded_) == 0;
  }

 private:
  crypto_aead_aes256gcm_state expanded_;  // 512 bytes, aligned to 16 by its type
};

}  // namespace

bool sodium_has_hardware_aes() {
  // The answer needs sodium_init(), which is idempotent and safe to call from any thread.
  return sodium_init() >= 0 && crypto_aead_aes256gcm_is_available() != 0;
}

std::unique_ptr<const AeadEngine> make_sodium_engine(AeadAlgorithm algorithm,
                                                     std::span<const std::byte, 32> key) {
  switch (algorithm) {
    case AeadAlgorithm::kAes256Gcm:
      if (!sodium_has_hardware_aes()) return nullptr;
      return std::make_unique<SodiumAesGcm>(key);
    case AeadAlgorithm::kChaCha20Poly1305: return std::make_unique<SodiumChaCha>(key);
  }
  return nullptr;
}

}  // namespace culvert::crypto
