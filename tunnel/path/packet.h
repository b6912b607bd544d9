// tunnel/path/packet.h: packets of a UDP path <-> bytes (PROTOCOL.md section 7.2). Sans-IO.
//
//   0      1              5                      13
//  +------+--------------+----------------------+------+------------------+-----------+
//  |  4   |  path (u32)  |  counter (u64)       | kind |  body            | tag (16)  |
//  +------+--------------+----------------------+------+------------------+-----------+
//                                               '------- sealed ---------'
//
// The first 13 octets are authenticated with the rest; the counter is the nonce. Packets of type 5
// have the path's name in front and are somebody else's behind it. Octets 0 to 3 in front are STUN
// (RFC 7983), 64 and up RTP, QUIC and the like.
#pragma once
#include <optional>

#include "tunnel/base/bytes.h"
#include "tunnel/base/secret.h"
#include "tunnel/control/path_offer.h"
#include "tunnel/crypto/aead.h"
#include "tunnel/path/replay_window.h"

namespace culvert::path {

// DO NOT CHANGE THE VALUES: they are the wire.
enum class PacketType : std::uint8_t { kSealed = 4, kOpaque = 5 };
enum class Kind : std::uint8_t {
  kProbe = 1,     // padding
  kAnswer = 2,    // u64 counter of the probe, padding: as long as the probe
  kDatagram = 3,  // u32 stream, the datagram
};

inline constexpr std::size_t kOpaqueHeader = 5;
inline constexpr std::size_t kSealedHeader = 13;
inline constexpr std::size_t kOverhead = kSealedHeader + 1 + crypto::kAeadTagSize;
inline constexpr std::size_t kDatagramOverhead = kOverhead + 4;

// The type and the path that a packet names; nothing: it is none.
struct PacketName {
  PacketType type;
  std::uint32_t path;
};
std::optional<PacketName> name_of(Bytes packet);

ByteVector opaque_packet(std::uint32_t path, Bytes packet);

// Both halves are fresh for each process of an endpoint, so no pair of keys is ever used twice.
struct Keys {
  Secret<32> sending, receiving;
  crypto::AeadAlgorithm algorithm{};
};
Keys derive_keys(const control::PathOffer& own, const control::PathOffer& peers,
                 bool own_is_caller);

class Sealer {
 public:
  Sealer(std::uint32_t path, const Secret<32>& key, crypto::AeadAlgorithm algorithm)
      : path_(path), key_(crypto::AeadKey::make(algorithm, key.view())) {}
  // `size`: of the whole packet, filled up with zeros; 0: as it comes. DANGER: a counter once.
  ByteVector seal(std::uint64_t counter, Kind kind, Bytes head, Bytes body, std::size_t size) const;

 private:
  std::uint32_t path_;
  crypto::AeadKey key_;
};

class Opener {
 public:
  Opener(const Secret<32>& key, crypto::AeadAlgorithm algorithm)
      : key_(crypto::AeadKey::make(algorithm, key.view())) {}

  struct Opened {
    Kind kind;
    std::uint64_t counter;
    Bytes body;  // within the scratch
  };
  // Nothing: forged, repeated, or of a kind that is not known. `scratch` as long as the packet.
  std::optional<Opened> open(Bytes packet, MutableBytes scratch);

 private:
  crypto::AeadKey key_;
  ReplayWindow window_;
};

}  // namespace culvert::path
