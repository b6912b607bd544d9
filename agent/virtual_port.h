// agent/virtual_port.h: a UDP socket at a virtual address, where programs here may have the same
// port on all addresses.
#pragma once
#include "tunnel/base/address.h"
#include "tunnel/base/result.h"
#include "tunnel/base/unique_fd.h"

namespace culvert::agent {

struct VirtualPort {
  UniqueFd socket;
  SocketAddress at;
};

// A program that has `at.port` on all addresses is in the way unless its socket shares addresses
// (SO_REUSEADDR) at this moment. kExhausted: no descriptor is left.
Result<VirtualPort> bind_virtual_port(const SocketAddress& at);

void share_address(int socket, bool shared);  // SO_REUSEADDR

}  // namespace culvert::agent
