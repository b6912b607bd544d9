#include "shim/recent_holds.h"

#include <string.h>

#include "shim/recent_table.h"
#include "shim/wire.h"

namespace culvert::shim {
namespace {

constexpr int64_t kKeepMs = CULVERT_HOLD_SECONDS * 1'000;

RecentTable<1> holds;

RecentTable<1>::Key key_of(const VirtualPeer& peer) {
  return {{uint64_t{peer.ip()} << 16 | peer.port()}};
}

}  // namespace

bool move_to_recent_hold(VirtualPeer& peer) {
  uint64_t value;
  if (!holds.find(key_of(peer), value)) return false;
  const auto address = static_cast<uint32_t>(value >> 16);
  uint8_t ip[4];
  memcpy(ip, &address, sizeof ip);
  peer.move_to(ip, static_cast<uint16_t>(value));
  return true;
}

void remember_hold(const VirtualPeer& wanted, const uint8_t (&ip)[4], uint16_t port) {
  uint32_t address;
  memcpy(&address, ip, sizeof address);
  holds.remember(key_of(wanted), uint64_t{address} << 16 | port, kKeepMs);
}

void forget_hold(const VirtualPeer& wanted) { holds.remember(key_of(wanted), 0, 0); }

}  // namespace culvert::shim
