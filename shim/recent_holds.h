// shim/recent_holds.h: where the agent has said, within the last second, that it holds a virtual
// address and port, so that a program that connects there again and again does not wait for the
// agent each time. As recent_names.h. The agent keeps a hold for seconds after its last use; one
// that is gone nevertheless answers a SYN with RST at once.
#pragma once
#include "shim/virtual_peer.h"

namespace culvert::shim {

// Of an IPv4 or v4-mapped peer. True: it was moved to where it is held.
bool move_to_recent_hold(VirtualPeer& peer);
void remember_hold(const VirtualPeer& wanted, const VirtualPeer& held_at);
void forget_hold(const VirtualPeer& wanted);

}  // namespace culvert::shim
