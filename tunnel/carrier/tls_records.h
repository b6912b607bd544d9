// tunnel/carrier/tls_records.h: records of TLS 1.2 under its AEAD ciphers <-> their text (RFC 5246
// section 6.2.3.3, RFC 5288, RFC 7905).
//
//   0       1               3               5             5+e                5+e+n             +16
//  +-------+---------------+---------------+-------------+------------------+-------------------+
//  | type  |   03    03    |   e + n + 16  |  nonce (e)  |  sealed text (n) |  tag (16 octets)  |
//  +-------+---------------+---------------+-------------+------------------+-------------------+
//
// Knows the key of one direction and the number of its next record, and nothing of what records
// say. e is 8 for AES-GCM and 0 for ChaCha20-Poly1305.
#pragma once
#include <optional>
#include <tl/expected.hpp>

#include "tunnel/base/bytes.h"
#include "tunnel/base/secret.h"
#include "tunnel/carrier/tls_alert.h"
#include "tunnel/crypto/aead.h"

namespace culvert::carrier {

enum class TlsContent : std::uint8_t {
  kChangeCipherSpec = 20,
  kAlert = 21,
  kHandshake = 22,
  kApplicationData = 23,
};

enum class TlsCipher : std::uint8_t { kAes128Gcm, kAes256Gcm, kChaCha20Poly1305 };

inline constexpr std::size_t kTlsHeaderSize = 5;
inline constexpr std::size_t kMaxTlsText = 16384;

class TlsRecordKey {
 public:
  // `key` and `iv` have the sizes that `cipher` has in a key block (RFC 5246 section 6.3). The next
  // record is number `sequence`: 1 behind an encrypted Finished. Empty where this machine computes
  // the cipher slowly or not at all.
  static std::optional<TlsRecordKey> make(TlsCipher cipher, Bytes key, Bytes iv,
                                          std::uint64_t sequence);

  // A number must not come twice (RFC 5246 section 6.1), and there is no renegotiation: one record
  // before the last the direction is used up, so that an alert can still say so.
  bool exhausted() const { return sequence_ >= kLastSequence; }
  bool has_ended() const { return sequence_ > kLastSequence; }

  // `record` has room for exactly the record of `text`, elsewhere. Not after has_ended().
  std::size_t record_size(std::size_t text) const { return text + overhead(); }
  void seal(TlsContent type, Bytes text, MutableBytes record);

  struct Header {
    TlsContent type;
    std::size_t record_size;  // with this header
    std::size_t text_size;
  };
  // Judges the record at the front of `wire` by its header; empty: that is not all there yet.
  tl::expected<std::optional<Header>, TlsAlert> examine(Bytes wire) const;

  // `record` is a whole one that examine() accepted, `text` of its text_size and elsewhere. False
  // when it was altered, repeated, moved or forged; then `text` holds zeros.
  [[nodiscard]] bool open(Bytes record, MutableBytes text);

 private:
  static constexpr std::uint64_t kLastSequence = ~std::uint64_t{0} - 1;

  TlsRecordKey(TlsCipher cipher, crypto::AeadKey key, Bytes iv, std::uint64_t sequence);
  std::size_t explicit_size() const { return cipher_ == TlsCipher::kChaCha20Poly1305 ? 0 : 8; }
  std::size_t overhead() const { return kTlsHeaderSize + explicit_size() + crypto::kAeadTagSize; }
  crypto::AeadNonce nonce(Bytes explicit_part) const;
  std::array<std::byte, 13> additional_data(std::byte type, std::size_t text) const;

  TlsCipher cipher_;
  crypto::AeadKey key_;
  Secret<12> iv_;  // of AES-GCM the first 4
  std::uint64_t sequence_;
};

}  // namespace culvert::carrier
