// shim/ordinary_datagrams.h: datagrams to hosts that are given by number (CULVERT_FORWARD of
// shim/wire.h) go to the address of the pool that stands for the host, if the agent carries them;
// the program is shown the number throughout.
#pragma once
#include "shim/virtual_peer.h"

namespace culvert::shim {

// connect() of a UDP socket; `address` and `length` are what the program passed, `peer` our copy.
int connect_ordinary_datagrams(int fd, const sockaddr* address, socklen_t length,
                               const VirtualPeer& peer);

// Before a datagram goes to `peer`, which is moved if need be. False: errno says why not.
bool lead_ordinary_datagram(int fd, VirtualPeer& peer);

// After one was received: `from` is as the kernel has written it, in `size` octets.
void show_ordinary_sender(sockaddr* from, socklen_t size);

}  // namespace culvert::shim
