// shim/ordinary_address.h: which ordinary address one of the pool stands for, where a host is
// reached by its number (CULVERT_FORWARD of shim/wire.h). What the agent has said is remembered for
// a while: who receives datagrams would have to ask with each.
#pragma once
#include "shim/virtual_peer.h"

namespace culvert::shim {

// Puts it into `address`, which is that of `peer`, a virtual one, and as long. Leaves one that
// stands for nothing, and where the socket's family has no form for it.
void show_ordinary_address(sockaddr* address, const VirtualPeer& peer);

}  // namespace culvert::shim
