#include "tunnel/exchange/seal.h"

#include <cassert>

#include "tunnel/base/byte_codec.h"
#include "tunnel/crypto/hkdf.h"

namespace culvert::exchange {
namespace {

constexpr std::size_t kMaxToken = 1024;  // in octets of text, as base64url

Secret<32> expand(const Secret<32>& shared, const crypto::PublicKey& ephemeral,
                  const crypto::PublicKey& service, std::string_view label) {
  ByteVector input;
  append(input, shared.view());
  append(input, ephemeral.view());
  append(input, service.view());
  const auto base = crypto::hkdf(Secret<32>{}, input).first;
  sodium_memzero(input.data(), input.size());
  return crypto::derive_key(base, label);
}

}  // namespace

void BodySealer::seal(MutableBytes text, ByteQueue& out) {
  assert(!text.empty() && text.size() <= kMaxPiece);
  const auto size = text.size() + kPieceOverhead;
  const auto piece = out.prepare(size).first(size);
  store_be(piece.data(), static_cast<std::uint16_t>(size - 2));
  key_.seal(counter_++, piece.first(2), text, piece.last<crypto::kAeadTagSize>());
  std::memcpy(piece.data() + 2, text.data(), text.size());
  out.commit(size);
}

Result<bool> BodyOpener::next(ByteQueue& received, ByteVector& text) {
  if (padding_) received.pop(received.size());
  const auto have = received.peek_mutable();
  if (have.size() < 2) return false;
  const std::size_t size = load_be<std::uint16_t>(have.data());
  if (size == 0) {
    padding_ = true;
    received.pop(have.size());
    return false;
  }
  if (size <= crypto::kAeadTagSize || size > kMaxPiece + crypto::kAeadTagSize)
    return fail(ErrorCode::kAuthentication, "a piece of impossible size");
  if (have.size() < 2 + size) return false;
  const auto sealed = have.subspan(2, size - crypto::kAeadTagSize);
  if (!key_.open(counter_++, have.first(2), sealed,
                 have.subspan(2 + sealed.size(), crypto::kAeadTagSize)))
    return fail(ErrorCode::kAuthentication, "a piece that the other side did not seal");
  text.assign(sealed.begin(), sealed.end());
  received.pop(2 + size);
  return true;
}

ExchangeKeys::ExchangeKeys(const Secret<32>& shared, const crypto::PublicKey& ephemeral,
                           const crypto::PublicKey& service)
    : request_(expand(shared, ephemeral, service, "exchange request")),
      response_(expand(shared, ephemeral, service, "exchange response")),
      token_(crypto::AeadKey::make(crypto::AeadAlgorithm::kChaCha20Poly1305,
                                   expand(shared, ephemeral, service, "exchange token").view())) {}

Result<ExchangeKeys> ExchangeKeys::of_client(const crypto::KeyPair& ephemeral,
                                             const crypto::PublicKey& service) {
  const auto shared = crypto::diffie_hellman(ephemeral, service);
  if (!shared) return fail(shared.error());
  return ExchangeKeys(*shared, ephemeral.public_key, service);
}

Result<ExchangeKeys> ExchangeKeys::of_service(const crypto::KeyPair& service,
                                              const crypto::PublicKey& ephemeral) {
  const auto shared = crypto::diffie_hellman(service, ephemeral);
  if (!shared) return fail(shared.error());
  return ExchangeKeys(*shared, ephemeral, service.public_key);
}

std::string ExchangeKeys::seal_token(std::uint64_t number, MutableBytes text) const {
  ByteVector token(8 + text.size() + crypto::kAeadTagSize);
  const MutableBytes out{token};
  store_be(out.data(), number);
  token_.seal(number, out.first(8), text, out.last<crypto::kAeadTagSize>());
  std::memcpy(out.data() + 8, text.data(), text.size());
  return to_base64url(token);
}

std::optional<ExchangeKeys::Token> ExchangeKeys::open_token(std::string_view token) const {
  if (token.size() > kMaxToken) return std::nullopt;
  auto raw = from_base64url(token);
  if (raw.size() <= 8 + crypto::kAeadTagSize) return std::nullopt;
  const MutableBytes all{raw};
  Token out;
  out.number = load_be<std::uint64_t>(raw.data());
  const auto text = all.subspan(8, all.size() - 8 - crypto::kAeadTagSize);
  if (!token_.open(out.number, all.first(8), text, all.last(crypto::kAeadTagSize)))
    return std::nullopt;
  out.text.assign(text.begin(), text.end());
  return out;
}

Secret<32> ExchangeKeys::request_key(std::uint64_t number) const {
  std::array<std::byte, 8> input;
  store_be(input.data(), number);
  return crypto::hkdf(request_, input).first;
}

Secret<32> ExchangeKeys::response_key(std::span<const std::byte, kSaltSize> salt) const {
  return crypto::hkdf(response_, salt).first;
}

}  // namespace culvert::exchange
