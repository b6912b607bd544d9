// tunnel/exchange/seal.h: the keys of one exchange, and the sealing of its tokens and bodies
// (PROTOCOL.md section 1.1). Whoever reads the URLs or bodies, in a log or on the way, can neither
// join an exchange nor put octets into it.
//
// Keys come from one X25519 of the client's ephemeral key, which names the exchange, with the
// service's static key. DANGER: the service may meet the same ephemeral key again after a restart,
// so its bodies are sealed under a fresh random salt each.
#pragma once
#include <optional>

#include "tunnel/base/byte_queue.h"
#include "tunnel/crypto/aead.h"
#include "tunnel/crypto/keys.h"

namespace culvert::exchange {

inline constexpr std::size_t kSaltSize = 16;
inline constexpr std::size_t kMaxPiece = 16 * 1024 + 64;                 // its text
inline constexpr std::size_t kPieceOverhead = 2 + crypto::kAeadTagSize;  // of a piece as sealed

// The pieces of one body, in their order: u16 length | sealed text | tag.
class BodySealer {
 public:
  BodySealer(const Secret<32>& key) : key_(make(key)) {}
  void seal(MutableBytes text, ByteQueue& out);  // at most kMaxPiece; destroys `text`

 private:
  friend class BodyOpener;
  static crypto::AeadKey make(const Secret<32>& key) {
    return crypto::AeadKey::make(crypto::AeadAlgorithm::kChaCha20Poly1305, key.view());
  }
  crypto::AeadKey key_;
  std::uint64_t counter_ = 0;
};

class BodyOpener {
 public:
  BodyOpener(const Secret<32>& key) : key_(BodySealer::make(key)) {}
  // Give it all that has come of the body; `text` dies with the next call. False: there is no whole
  // piece yet. kAuthentication: this was not sealed by the other side.
  Result<bool> next(ByteQueue& received, ByteVector& text);
  bool padding() const { return padding_; }  // what follows in the body means nothing

 private:
  crypto::AeadKey key_;
  std::uint64_t counter_ = 0;
  bool padding_ = false;
};

class ExchangeKeys {
 public:
  static Result<ExchangeKeys> of_client(const crypto::KeyPair& ephemeral,
                                        const crypto::PublicKey& service);
  static Result<ExchangeKeys> of_service(const crypto::KeyPair& service,
                                         const crypto::PublicKey& ephemeral);

  // In the target of a request: base64url of `u64 number | sealed text | tag`.
  std::string seal_token(std::uint64_t number, MutableBytes text) const;
  struct Token {
    std::uint64_t number = 0;
    ByteVector text;
  };
  std::optional<Token> open_token(std::string_view token) const;

  Secret<32> request_key(std::uint64_t number) const;
  Secret<32> response_key(std::span<const std::byte, kSaltSize> salt) const;

 private:
  ExchangeKeys(const Secret<32>& shared, const crypto::PublicKey& ephemeral,
               const crypto::PublicKey& service);
  Secret<32> request_, response_;
  crypto::AeadKey token_;
};

}  // namespace culvert::exchange
