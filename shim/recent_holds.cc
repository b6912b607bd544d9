#include "shim/recent_holds.h"

#include "shim/recent_table.h"
#include "shim/wire.h"

namespace culvert::shim {
namespace {

constexpr int64_t kKeepMs = CULVERT_HOLD_SECONDS * 1'000;

RecentTable<1> holds;

RecentTable<1>::Key key_of(const VirtualPeer& peer) { return {{peer.place()}}; }

}  // namespace

bool move_to_recent_hold(VirtualPeer& peer) {
  uint64_t place;
  if (!holds.find(key_of(peer), place)) return false;
  peer.move_to_place(place);
  return true;
}

void remember_hold(const VirtualPeer& wanted, const VirtualPeer& held_at) {
  holds.remember(key_of(wanted), held_at.place(), kKeepMs);
}

void forget_hold(const VirtualPeer& wanted) { holds.remember(key_of(wanted), 0, 0); }

}  // namespace culvert::shim
