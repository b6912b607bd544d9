#include "tunnel/crypto/aead.h"

#include <sodium.h>

#include <cassert>

#include "tunnel/crypto/aead_engine.h"

namespace culvert::crypto {

bool hardware_aes() { return ipsec_mb_has_hardware_aes() || sodium_has_hardware_aes(); }

bool is_supported(AeadAlgorithm algorithm) {
  switch (algorithm) {
    case AeadAlgorithm::kAes256Gcm: return hardware_aes();
    case AeadAlgorithm::kChaCha20Poly1305: return true;
  }
  return false;  // a number off the wire
}

bool supports_aes128_gcm() { return ipsec_mb_has_hardware_aes(); }

std::vector<AeadAlgorithm> preferred_algorithms() {
  if (hardware_aes()) return {AeadAlgorithm::kAes256Gcm, AeadAlgorithm::kChaCha20Poly1305};
  return {AeadAlgorithm::kChaCha20Poly1305};
}

AeadKey::AeadKey(AeadAlgorithm algorithm, std::unique_ptr<const AeadEngine> engine)
    : algorithm_(algorithm), engine_(std::move(engine)) {}
AeadKey::AeadKey(AeadKey&&) noexcept = default;
AeadKey& AeadKey::operator=(AeadKey&&) noexcept = default;
AeadKey::~AeadKey() = default;

AeadKey AeadKey::make(AeadAlgorithm algorithm, std::span<const std::byte, 32> key) {
  auto engine = make_ipsec_mb_engine(algorithm, key);
  if (!engine) engine = make_sodium_engine(algorithm, key);
  assert(engine);  // is_supported() was not asked
  return {algorithm, std::move(engine)};
}

std::optional<AeadKey> AeadKey::make_aes128_gcm(std::span<const std::byte, 16> key) {
  auto engine = make_ipsec_mb_aes128_gcm(key);
  if (!engine) return std::nullopt;
  return AeadKey(AeadAlgorithm::kAes256Gcm, std::move(engine));  // counters are the same for both
}

void AeadKey::seal(const AeadNonce& nonce, Bytes aad, Bytes text, MutableBytes out,
                   std::span<std::byte, kAeadTagSize> tag) const {
  assert(out.size() == text.size());
  engine_->seal(nonce, aad, text, out, tag);
}

bool AeadKey::open(const AeadNonce& nonce, Bytes aad, Bytes text, MutableBytes out,
                   std::span<const std::byte, kAeadTagSize> tag) const {
  assert(out.size() == text.size());
  if (engine_->open(nonce, aad, text, out, tag)) return true;
  sodium_memzero(out.data(), out.size());
  return false;
}

void AeadKey::seal(std::uint64_t counter, Bytes aad, MutableBytes text,
                   std::span<std::byte, kAeadTagSize> tag) const {
  engine_->seal(nonce_of(algorithm_, counter), aad, text, text, tag);
}

void AeadKey::seal(std::uint64_t counter, Bytes aad, MutableBytes text,
                   std::span<const Stray> strays, std::span<std::byte, kAeadTagSize> tag) const {
  engine_->seal_with_strays(nonce_of(algorithm_, counter), aad, text, strays, tag);
}

bool AeadKey::open(std::uint64_t counter, Bytes aad, MutableBytes text, Bytes tag) const {
  if (tag.size() == kAeadTagSize)
    return open(nonce_of(algorithm_, counter), aad, text, text, tag.first<kAeadTagSize>());
  sodium_memzero(text.data(), text.size());
  return false;
}

}  // namespace culvert::crypto
