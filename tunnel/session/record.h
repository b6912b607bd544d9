// tunnel/session/record.h: sealed records <-> frames (PROTOCOL.md section 4).
//
//   0               2                              2+n                 2+n+16
//  +---------------+------------------------------+-------------------+
//  |   n + 16      |  sealed frames (n octets)    |  tag (16 octets)  |
//  +---------------+------------------------------+-------------------+
//
// The length is authenticated with the record. The nonce is the number of the record in its
// direction: it is never sent, so a record that is repeated, dropped or moved does not open. Every
// 2^22 records both sides derive a new key, far within the limits of AES-GCM.
#pragma once
#include <optional>

#include "tunnel/base/bytes.h"
#include "tunnel/base/result.h"
#include "tunnel/base/secret.h"
#include "tunnel/base/strays.h"
#include "tunnel/crypto/aead.h"

namespace culvert::session {

inline constexpr std::size_t kRecordHeader = 2;
inline constexpr std::size_t kRecordOverhead = kRecordHeader + crypto::kAeadTagSize;
inline constexpr std::size_t kMaxRecord = kRecordHeader + 0xffff;
inline constexpr std::size_t kMaxRecordText = kMaxRecord - kRecordOverhead;
inline constexpr std::uint64_t kRecordsPerKey = std::uint64_t{1} << 22;

// One direction's key schedule: which key and counter the next record has. The expanded key, 1.1 KB
// of it, is made when it is needed.
class RecordKeys {
 public:
  RecordKeys(const Secret<32>& direction, crypto::AeadAlgorithm algorithm,
             std::uint64_t first_record = 0);  // other than 0: for tests of the key change
  const crypto::AeadKey& key();
  void rest() { key_.reset(); }  // until key() is asked for again
  std::uint64_t counter() const { return counter_; }
  void advance();

 private:
  Secret<32> chain_;
  crypto::AeadAlgorithm algorithm_;
  std::optional<crypto::AeadKey> key_;
  std::uint64_t counter_;
};

class RecordSealer {
 public:
  explicit RecordSealer(RecordKeys keys) : keys_(std::move(keys)) {}
  // `record` is the whole record; its text, but for the strays, stands behind the header, and there
  // is room for the tag.
  void seal(MutableBytes record, std::span<const Stray> strays = {});
  void rest() { keys_.rest(); }

 private:
  RecordKeys keys_;
};

class RecordOpener {
 public:
  explicit RecordOpener(RecordKeys keys) : keys_(std::move(keys)) {}

  struct Opened {
    Bytes text;             // within `wire`; empty together with wire_size 0: not all there yet
    std::size_t wire_size;  // octets of `wire` that the record took
  };
  // Opens the first record of `wire` in place. After an error nothing more can be opened.
  Result<Opened> open(MutableBytes wire);
  void rest() { keys_.rest(); }

 private:
  RecordKeys keys_;
};

}  // namespace culvert::session
