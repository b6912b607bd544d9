// shim/virtual_connect.h: connect() to a virtual address, exactly as it would be natively.
#pragma once
#include "shim/virtual_peer.h"

namespace culvert::shim {

// Whether the hold may be used at all: a TCP socket of the family of `peer`, not bound elsewhere.
bool is_virtual_connect(int fd, const VirtualPeer& peer);

// connect() of the program; `address` and `length` are what it passed, `peer` our copy of it.
int connect_virtual(int fd, const sockaddr* address, socklen_t length, const VirtualPeer& peer);

}  // namespace culvert::shim
