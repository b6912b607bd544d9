// The files of the agent's state directory: they may be damaged, and must then be refused.
#include <sodium.h>

#include "agent/identity.h"
#include "agent/peer_keys.h"
#include "agent/replay_floors.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace culvert::agent;
  if (sodium_init() < 0) return 0;
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  if (const auto identity = decode_identity(text)) {
    const auto again = decode_identity(encode(*identity));
    if (!again || again->name != identity->name) __builtin_trap();
    (void)check_identity(*identity, culvert::UnixTime{});
  }
  if (const auto floors = decode_floors(text)) (void)encode(*floors);
  PeerKeys keys(culvert::crypto::SignaturePublicKey{});
  if (keys.load(text)) {
    PeerKeys again(culvert::crypto::SignaturePublicKey{});
    if (!again.load(keys.snapshot())) __builtin_trap();
  }
  return 0;
}
