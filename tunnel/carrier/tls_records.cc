#include "tunnel/carrier/tls_records.h"

#include <cassert>
#include <cstring>

#include "tunnel/base/byte_codec.h"

namespace culvert::carrier {
namespace {

constexpr std::uint16_t kVersion = 0x0303;
constexpr std::size_t kMaxSealed = kMaxTlsText + 2048;  // RFC 5246 section 6.2.3

std::optional<crypto::AeadKey> expand(TlsCipher cipher, Bytes key) {
  using crypto::AeadAlgorithm;
  switch (cipher) {
    case TlsCipher::kAes128Gcm:
      assert(key.size() == 16);
      return crypto::AeadKey::make_aes128_gcm(key.first<16>());
    case TlsCipher::kAes256Gcm:
      assert(key.size() == 32);
      if (!crypto::is_supported(AeadAlgorithm::kAes256Gcm)) return std::nullopt;
      return crypto::AeadKey::make(AeadAlgorithm::kAes256Gcm, key.first<32>());
    case TlsCipher::kChaCha20Poly1305:
      assert(key.size() == 32);
      return crypto::AeadKey::make(AeadAlgorithm::kChaCha20Poly1305, key.first<32>());
  }
  return std::nullopt;
}

}  // namespace

std::optional<TlsRecordKey> TlsRecordKey::make(TlsCipher cipher, Bytes key, Bytes iv,
                                               std::uint64_t sequence) {
  assert(iv.size() == (cipher == TlsCipher::kChaCha20Poly1305 ? 12u : 4u));
  auto expanded = expand(cipher, key);
  if (!expanded) return std::nullopt;
  return TlsRecordKey(cipher, *std::move(expanded), iv, sequence);
}

TlsRecordKey::TlsRecordKey(TlsCipher cipher, crypto::AeadKey key, Bytes iv, std::uint64_t sequence)
    : cipher_(cipher), key_(std::move(key)), sequence_(sequence) {
  std::memcpy(iv_.data(), iv.data(), iv.size());
}

// RFC 5288 section 3: the part that is sent stands behind the fixed part. RFC 7905 section 2: the
// number of the record, never sent, is added to the fixed part.
crypto::AeadNonce TlsRecordKey::nonce(Bytes explicit_part) const {
  crypto::AeadNonce nonce;
  std::memcpy(nonce.data(), iv_.data(), nonce.size());
  if (!explicit_part.empty()) {
    std::memcpy(nonce.data() + 4, explicit_part.data(), 8);
    return nonce;
  }
  std::array<std::byte, 8> number;
  store_be(number.data(), sequence_);
  for (std::size_t i = 0; i < number.size(); ++i)
    nonce[4 + i] ^= std::to_integer<std::uint8_t>(number[i]);
  return nonce;
}

std::array<std::byte, 13> TlsRecordKey::additional_data(std::byte type, std::size_t text) const {
  std::array<std::byte, 13> data;
  store_be(data.data(), sequence_);
  data[8] = type;
  store_be(data.data() + 9, kVersion);
  store_be(data.data() + 11, static_cast<std::uint16_t>(text));
  return data;
}

void TlsRecordKey::seal(TlsContent type, Bytes text, MutableBytes record) {
  assert(text.size() <= kMaxTlsText && record.size() == record_size(text.size()));
  assert(!has_ended());
  record[0] = static_cast<std::byte>(type);
  store_be(record.data() + 1, kVersion);
  store_be(record.data() + 3, static_cast<std::uint16_t>(record.size() - kTlsHeaderSize));
  const auto explicit_part = record.subspan(kTlsHeaderSize, explicit_size());
  // Unique because the number is. mbedTLS 2.28, which sealed number 0, makes them alike.
  if (!explicit_part.empty()) store_be(explicit_part.data(), sequence_);
  key_.seal(nonce(explicit_part), additional_data(record[0], text.size()), text,
            record.subspan(kTlsHeaderSize + explicit_size(), text.size()),
            record.last<crypto::kAeadTagSize>());
  ++sequence_;
}

tl::expected<std::optional<TlsRecordKey::Header>, TlsAlert> TlsRecordKey::examine(
    Bytes wire) const {
  if (wire.size() < kTlsHeaderSize) return std::nullopt;
  const auto type = std::to_integer<std::uint8_t>(wire[0]);
  if (type < 20 || type > 23) return tl::unexpected(TlsAlert::kUnexpectedMessage);
  if (load_be<std::uint16_t>(wire.data() + 1) != kVersion)
    return tl::unexpected(TlsAlert::kProtocolVersion);
  const std::size_t sealed = load_be<std::uint16_t>(wire.data() + 3);
  if (sealed > kMaxSealed) return tl::unexpected(TlsAlert::kRecordOverflow);
  const auto size = kTlsHeaderSize + sealed;
  if (size < overhead()) return tl::unexpected(TlsAlert::kBadRecordMac);
  if (size - overhead() > kMaxTlsText) return tl::unexpected(TlsAlert::kRecordOverflow);
  return Header{TlsContent{type}, size, size - overhead()};
}

bool TlsRecordKey::open(Bytes record, MutableBytes text) {
  assert(record.size() == record_size(text.size()));
  if (has_ended()) return false;
  const auto explicit_part = record.subspan(kTlsHeaderSize, explicit_size());
  if (!key_.open(nonce(explicit_part), additional_data(record[0], text.size()),
                 record.subspan(kTlsHeaderSize + explicit_size(), text.size()), text,
                 record.last<crypto::kAeadTagSize>()))
    return false;
  ++sequence_;
  return true;
}

}  // namespace culvert::carrier
