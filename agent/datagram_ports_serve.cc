// Streams of datagrams that other machines open to programs here.
#include "agent/datagram_ports.h"
#include "agent/virtual_port.h"
#include "tunnel/flow/datagram_flow.h"

namespace culvert::agent {

bool DatagramPorts::serve(const SocketAddress& caller, const InboundTarget& to,
                          session::SessionLink& link, mux::StreamId stream) {
  const auto target =
      inbound_target(to.stand_in ? to.stand_in->at : to.bound, IpAddress::v4(INADDR_LOOPBACK));
  const bool any_port = to.cookie != 0;  // of the caller: it is not told to hear of another
  if ((caller.port == 0 && !any_port) || !target || sockets_.size() >= kMostFlows / 2) return false;
  // None where the program has connected it to somebody else: that is for the kernel to say.
  const auto socket = diag_.find_any(Protocol::kUdp, *target, caller);
  if (!socket || (to.cookie != 0 && to.cookie != socket->cookie)) return false;
  const bool has_seat = !to.stand_in && to.bound.ip.canonical().is_unspecified() &&
                        target->port == caller.port && seats_.socket(caller.port) >= 0;
  auto* port = port_of_caller(caller, has_seat);
  if (port == nullptr && any_port) port = port_of_caller({caller.ip, 0}, false);
  if (port == nullptr) return false;
  port->take_over_flow(*target, socket->cookie, link, stream);
  look_again_in(Duration{flow::kIdle});
  return true;
}

DatagramPort* DatagramPorts::port_of_caller(const SocketAddress& caller, bool has_seat) {
  const auto found = ports_.find(caller);
  if (found != ports_.end() && (found->second->is_bound() || has_seat)) return found->second.get();
  // Half of them: programs here want to send, too.
  if (found == ports_.end() && ports_.size() >= kMostPorts / 2) return nullptr;
  auto bound = bind_virtual_port(caller);
  if (!bound && !has_seat) return nullptr;
  if (found != ports_.end()) {
    if (bound) found->second->open_again(std::move(bound->socket), caller);
    return found->second.get();
  }
  const auto at = bound ? bound->at : caller;
  auto port =
      std::make_unique<DatagramPort>(loop_, at, at, bound ? std::move(bound->socket) : UniqueFd{},
                                     static_cast<DatagramPort::Owner&>(*this));
  return ports_.emplace(at, std::move(port)).first->second.get();
}

}  // namespace culvert::agent
