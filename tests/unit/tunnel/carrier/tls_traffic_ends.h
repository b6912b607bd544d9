// The two ends of a TLS 1.2 connection behind its handshake, with fixed keys, for tests.
#pragma once
#include <gtest/gtest.h>

#include "tunnel/carrier/tls_traffic.h"

namespace culvert::carrier {

inline constexpr TlsCipher kTlsCiphers[] = {TlsCipher::kAes128Gcm, TlsCipher::kAes256Gcm,
                                            TlsCipher::kChaCha20Poly1305};

inline std::optional<TlsRecordKey> test_record_key(TlsCipher cipher, std::uint8_t first,
                                                   std::uint64_t sequence = 1) {
  ByteVector bytes(44);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(first + i);
  const std::size_t key = cipher == TlsCipher::kAes128Gcm ? 16 : 32;
  const std::size_t iv = cipher == TlsCipher::kChaCha20Poly1305 ? 12 : 4;
  return TlsRecordKey::make(cipher, Bytes{bytes}.first(key), Bytes{bytes}.subspan(32, iv),
                            sequence);
}

// One record of `text`, as the side with the key of `first` would send it.
inline ByteVector sealed_record(TlsRecordKey& key, TlsContent type, Bytes text) {
  ByteVector record(key.record_size(text.size()));
  key.seal(type, text, record);
  return record;
}

struct TlsEnd {
  TlsEnd(TlsTraffic::Role role, TlsCipher cipher, std::uint64_t sequence = 1,
         std::size_t max_text = kMaxTlsText)
      : traffic(
            {role, *test_record_key(cipher, role == TlsTraffic::Role::kClient ? 1 : 101, sequence),
             *test_record_key(cipher, role == TlsTraffic::Role::kClient ? 101 : 1, sequence),
             max_text},
            plain, output) {}

  Result<void> receive(Bytes wire) {
    MutableBytes nowhere;
    return traffic.receive(wire, nowhere);
  }
  ByteVector take_output() {
    ByteVector wire(output.peek().begin(), output.peek().end());
    output.pop(wire.size());
    return wire;
  }

  ByteQueue plain, output;
  TlsTraffic traffic;
};

inline bool supports(TlsCipher cipher) { return test_record_key(cipher, 1).has_value(); }

}  // namespace culvert::carrier
