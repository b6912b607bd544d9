// tunnel/loop/local_address.h: where a socket is bound, or is connected from; and to. Of datagrams
// that are not sent: whether there is a way.
#pragma once
#include <optional>

#include "tunnel/base/address.h"

namespace culvert::loop {

SocketAddress local_address(int fd);  // unspecified, port 0: not a socket of IP
SocketAddress peer_address(int fd);   // ... or not connected
// Whether this machine has a route there. Sends nothing.
bool has_route(const IpAddress& to);
// What packets to there have as their source, by the routes as they are; nothing: there is none.
std::optional<IpAddress> own_address_towards(const IpAddress& to);

}  // namespace culvert::loop
