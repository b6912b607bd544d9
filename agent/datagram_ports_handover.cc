// Bound ports, from one process of the agent to the next one: a program that is connected to one
// never asks again.
#include "agent/datagram_ports.h"
#include "tunnel/base/log.h"

namespace culvert::agent {

std::vector<PortSnapshot> DatagramPorts::take_snapshots(restart::Outgoing& out) const {
  std::vector<PortSnapshot> all;
  for (const auto& [to, port] : ports_)
    if (port->fd() >= 0) all.push_back({out.add(port->fd()), to, port->bound()});
  seats_.for_each([&](const SocketAddress& at, int socket) {
    all.push_back({out.add(socket), at, at});
  });
  return all;
}

void DatagramPorts::go_on(const std::vector<PortSnapshot>& from, restart::Inherited& sockets) {
  for (const auto& one : from) {
    auto socket = sockets.take(one.socket);
    if (!socket) continue;
    if (seats_.is(one.to)) {
      seats_.adopt(one.to.port, std::move(socket));
      continue;
    }
    ports_[one.to] = std::make_unique<DatagramPort>(loop_, one.to, one.bound, std::move(socket),
                                                    static_cast<DatagramPort::Owner&>(*this));
  }
  if (ports_.empty()) return;
  look_again_in(Duration{kLinger});
  const auto all = diag_.listeners(Protocol::kUdp);
  if (!all) return log::warning("datagrams", {{"event", "not-found"}, {"why", all.error().detail}});
  for (const auto& [to, port] : ports_)
    for (const auto& socket : *all)
      if (socket.remote == port->bound() && socket.local.ip.is_v4() &&
          handler_.may_send(socket.uid))
        port->add_flow(socket.local, socket.cookie);
}

}  // namespace culvert::agent
