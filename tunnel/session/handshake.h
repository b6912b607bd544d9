// tunnel/session/handshake.h: the two messages that start a session, a circuit leg or an enrolment
// (PROTOCOL.md sections 2 and 3): Noise IK, with a hello and its answer inside.
//
// Does no I/O and reads no clock. Knows nothing of who may enter: the responder's owner decides.
// Input that nobody has authenticated costs at most one message of 64 KiB.
#pragma once
#include <optional>

#include "tunnel/base/bytes.h"
#include "tunnel/base/random.h"
#include "tunnel/base/result.h"
#include "tunnel/base/secret.h"
#include "tunnel/control/hello.h"
#include "tunnel/crypto/keys.h"
#include "tunnel/crypto/noise.h"

namespace culvert::session {

// First octets of every carrier that speaks Culvert: no TLS record (0x16), no HTTP method (ASCII),
// no SOCKS greeting (4, 5) begins so. The last one is the protocol version.
inline constexpr std::array<std::byte, 4> kMagic{std::byte{0xc7}, std::byte{'V'}, std::byte{'T'},
                                                 std::byte{1}};
inline constexpr std::size_t kMaxEarlyFrames = 32 * 1024;  // in the first message

struct DirectionKeys {
  Secret<32> sending;
  Secret<32> receiving;
};

class InitiatorHandshake {
 public:
  InitiatorHandshake(const crypto::KeyPair& self, const crypto::PublicKey& responder,
                     Random& random);

  // The packet to send. `early_frames` (may be empty) can be replayed to a responder that forgot
  // our timestamps, and is readable to whoever steals the responder's static key later.
  Result<ByteVector> start(const control::Hello& hello, Bytes early_frames);

  struct Outcome {
    control::HelloAnswer answer;  // may be a refusal
    DirectionKeys keys;
  };
  // nullopt: more octets are needed. `taken` octets of `in` were used; what is behind belongs to
  // the session.
  Result<std::optional<Outcome>> receive(Bytes in, std::size_t& taken);

 private:
  crypto::NoiseHandshake noise_;
};

class ResponderHandshake {
 public:
  ResponderHandshake(const crypto::KeyPair& self, Random& random);

  struct Greeting {
    crypto::PublicKey caller;  // proven
    control::Hello hello;
    ByteVector early_frames;
  };
  Result<std::optional<Greeting>> receive(Bytes in, std::size_t& taken);

  // The packet to send; then keys() may be called.
  Result<ByteVector> answer(const control::HelloAnswer& answer);
  DirectionKeys keys();

 private:
  crypto::NoiseHandshake noise_;
};

}  // namespace culvert::session
