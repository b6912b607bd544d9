// tunnel/session/carrier_keys.h: what a session needs to know of a carrier whose handshake is done.
#pragma once
#include <optional>

#include "tunnel/base/time.h"
#include "tunnel/crypto/aead.h"
#include "tunnel/session/handshake.h"

namespace culvert::session {

struct CarrierKeys {
  DirectionKeys keys;
  crypto::AeadAlgorithm algorithm{};
  ByteVector early_frames;             // responder: of the first message
  std::optional<Duration> round_trip;  // initiator: of the handshake
  bool direct = false;                 // no relay in between (liveness.h)
  int bulk_round_trips = 1;            // BytePipe::bulk_round_trips()
};

}  // namespace culvert::session
