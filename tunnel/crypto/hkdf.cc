#include "tunnel/crypto/hkdf.h"

#include <sodium.h>

#include <initializer_list>

namespace culvert::crypto {
namespace {

Secret<32> hmac(const Secret<32>& key, std::initializer_list<Bytes> parts) {
  crypto_auth_hmacsha256_state state;
  crypto_auth_hmacsha256_init(&state, key.data(), 32);
  for (const auto part : parts) crypto_auth_hmacsha256_update(&state, as_u8(part), part.size());
  Secret<32> out;
  crypto_auth_hmacsha256_final(&state, out.data());
  sodium_memzero(&state, sizeof state);
  return out;
}

constexpr std::byte kOne[] = {std::byte{1}};
constexpr std::byte kTwo[] = {std::byte{2}};

}  // namespace

HkdfPair hkdf(const Secret<32>& chaining, Bytes input) {
  const auto extracted = hmac(chaining, {input});
  HkdfPair out;
  out.first = hmac(extracted, {kOne});
  out.second = hmac(extracted, {out.first.view(), kTwo});
  return out;
}

Secret<32> derive_key(const Secret<32>& base, std::string_view label) {
  return hmac(base, {as_bytes("culvert "), as_bytes(label), kOne});
}

}  // namespace culvert::crypto
