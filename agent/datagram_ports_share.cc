// Programs that bind a port of ours on all addresses (agent/share_desk.h).
#include <algorithm>

#include "agent/datagram_ports.h"
#include "agent/virtual_port.h"

namespace culvert::agent {

// The kernel decides; but for programs whose sockets share addresses, and would keep others out
// that do not. One at a virtual address is ours, or stays in the way.
bool DatagramPorts::nobody_else_has(std::uint16_t port, bool own_shares) {
  if (own_shares) return true;
  const auto all = diag_.listeners(Protocol::kUdp);
  return all && std::ranges::none_of(*all, [&](const DiagSocket& socket) {
           const bool single = socket.local.ip.is_v4() && socket.local.ip.is_loopback() &&
                               socket.local.ip != IpAddress::v4(INADDR_LOOPBACK);
           return socket.local.port == port && !single;
         });
}

// Seats always do.
void DatagramPorts::share(std::uint16_t port, bool shared) {
  for (const auto& [to, one] : ports_)
    if (one->is_bound() && one->bound().port == port) share_address(one->fd(), shared);
}

}  // namespace culvert::agent
