#include "tunnel/crypto/keys.h"

namespace culvert::crypto {
namespace {

std::span<const std::byte, 32> as_key(const std::uint8_t* raw) {
  return std::span<const std::byte, 32>{reinterpret_cast<const std::byte*>(raw), 32};
}

}  // namespace

template <class Tag>
Result<PublicBytes<Tag>> PublicBytes<Tag>::parse(std::string_view text) {
  const auto raw = text.size() == 2 * kSize ? from_hex(text) : from_base64url(text);
  if (raw.size() != kSize)
    return fail(ErrorCode::kBadInput,
                "a public key is 43 characters of base64url or 64 hexadecimal digits");
  return PublicBytes{std::span<const std::byte, kSize>{raw}};
}

template class PublicBytes<X25519Tag>;
template class PublicBytes<Ed25519Tag>;

KeyPair KeyPair::generate(Random& random) {
  Secret<32> secret;
  random.fill(secret.edit());
  return from_secret(secret);
}

KeyPair KeyPair::from_secret(const Secret<32>& secret) {
  std::uint8_t raw[32];
  crypto_scalarmult_base(raw, secret.data());
  return KeyPair{secret, PublicKey{as_key(raw)}};
}

Result<Secret<32>> diffie_hellman(const KeyPair& own, const PublicKey& peer) {
  Secret<32> shared;
  if (crypto_scalarmult(shared.data(), own.secret.data(), peer.data()) != 0 ||
      sodium_is_zero(shared.data(), 32) != 0)
    return fail(ErrorCode::kAuthentication, "the peer's key is degenerate (small order): refused");
  return shared;
}

SigningKeyPair SigningKeyPair::generate(Random& random) {
  Secret<32> seed;
  random.fill(seed.edit());
  return from_seed(seed);
}

SigningKeyPair SigningKeyPair::from_seed(const Secret<32>& seed) {
  SigningKeyPair pair;
  std::uint8_t raw[32];
  crypto_sign_seed_keypair(raw, pair.expanded_.data(), seed.data());
  pair.public_key_ = SignaturePublicKey{as_key(raw)};
  return pair;
}

Secret<32> SigningKeyPair::seed() const { return Secret<32>{expanded_.view().first<32>()}; }

Signature SigningKeyPair::sign(Bytes message) const {
  Signature signature;
  crypto_sign_detached(as_u8(MutableBytes{signature}), nullptr, as_u8(message), message.size(),
                       expanded_.data());
  return signature;
}

bool is_signed_by(const SignaturePublicKey& signer, Bytes message, const Signature& signature) {
  return crypto_sign_verify_detached(as_u8(Bytes{signature}), as_u8(message), message.size(),
                                     signer.data()) == 0;
}

}  // namespace culvert::crypto
