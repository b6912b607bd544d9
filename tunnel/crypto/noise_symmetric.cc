#include "tunnel/crypto/noise_symmetric.h"

#include <sodium.h>

#include <algorithm>
#include <cassert>

#include "tunnel/crypto/hkdf.h"

namespace culvert::crypto {

NoiseSymmetric::NoiseSymmetric(std::string_view protocol_name) {
  assert(protocol_name.size() <= hash_.size());
  std::ranges::copy(as_bytes(protocol_name), hash_.begin());
  chaining_ = Secret<32>{hash_};
}

void NoiseSymmetric::mix_hash(Bytes data) {
  crypto_hash_sha256_state state;
  crypto_hash_sha256_init(&state);
  crypto_hash_sha256_update(&state, as_u8(Bytes{hash_}), hash_.size());
  crypto_hash_sha256_update(&state, as_u8(data), data.size());
  crypto_hash_sha256_final(&state, as_u8(MutableBytes{hash_}));
}

void NoiseSymmetric::mix_key(const Secret<32>& input) {
  const auto [chaining, key] = hkdf(chaining_, input.view());
  chaining_ = chaining;
  cipher_ = AeadKey::make(AeadAlgorithm::kChaCha20Poly1305, key.view());
  counter_ = 0;
}

void NoiseSymmetric::encrypt_and_hash(Bytes plain, ByteVector& out) {
  assert(cipher_);
  const auto at = out.size();
  append(out, plain);
  out.resize(out.size() + kAeadTagSize);
  const auto sealed = MutableBytes{out}.subspan(at);
  cipher_->seal(counter_++, hash_, sealed.first(plain.size()), sealed.last<kAeadTagSize>());
  mix_hash(sealed);
}

bool NoiseSymmetric::decrypt_and_hash(Bytes sealed, ByteVector& plain) {
  assert(cipher_);
  if (sealed.size() < kAeadTagSize) return false;
  const auto text = sealed.first(sealed.size() - kAeadTagSize);
  const auto at = plain.size();
  append(plain, text);
  if (!cipher_->open(counter_, hash_, MutableBytes{plain}.subspan(at),
                     sealed.last<kAeadTagSize>())) {
    plain.resize(at);
    return false;
  }
  ++counter_;
  mix_hash(sealed);
  return true;
}

std::array<Secret<32>, 2> NoiseSymmetric::split() const {
  const auto [first, second] = hkdf(chaining_, {});
  return {first, second};
}

}  // namespace culvert::crypto
