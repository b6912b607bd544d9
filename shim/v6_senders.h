// shim/v6_senders.h: UDP servers that take IPv6 alone ([::1], IPV6_V6ONLY). The agent sends to them
// from ports of their own address (agent/sender_desk.h): the program is shown the caller, as an
// IPv4-mapped address, and what it sends to the caller goes to the agent's port.
#pragma once
#include "shim/virtual_peer.h"

namespace culvert::shim {

// Whether this process, or one that it was forked from, has such a server: else those who receive
// pay nothing. They come by bind(), or were there when the program was started.
bool any_v6_servers();
void look_for_v6_server(int fd);
void look_for_inherited_v6_servers();

// Moves an IPv4-mapped `peer`, if the agent knows it.
void lead_to_sender(int fd, VirtualPeer& peer);

// After a datagram was received: `from` is as the kernel has written it, in `size` octets.
void show_caller(int fd, sockaddr* from, socklen_t size);

}  // namespace culvert::shim
