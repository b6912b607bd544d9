#include "agent/inbound_dial.h"

#include <cassert>
#include <cerrno>
#include <cstring>

#include "tunnel/loop/tcp_socket.h"
#include "tunnel/loop/udp_socket.h"

namespace culvert::agent {

std::optional<SocketAddress> inbound_target(const SocketAddress& bound, const IpAddress& own) {
  const auto ip = bound.ip.canonical();
  const bool any = ip == IpAddress::v4(0) || ip == IpAddress::v6({});
  // [::] takes IPv4 too, unless the program set IPV6_V6ONLY: then the dial is refused.
  if (any) return SocketAddress{own, bound.port};
  if (!ip.is_v4()) return std::nullopt;
  return SocketAddress{ip, bound.port};
}

Result<UniqueFd> open_inbound_datagrams(const IpAddress& caller, const SocketAddress& bound) {
  const auto target = inbound_target(bound, IpAddress::v4(INADDR_LOOPBACK));
  if (!target)
    return fail(ErrorCode::kRefused, "the program takes no IPv4 at " + bound.to_string());
  auto socket = loop::make_udp_socket(AF_INET);
  sockaddr_storage from{}, to{};
  const auto from_length = SocketAddress{caller, 0}.fill(from);
  const auto to_length = target->fill(to);
  if (!socket || ::bind(socket.get(), reinterpret_cast<sockaddr*>(&from), from_length) != 0 ||
      ::connect(socket.get(), reinterpret_cast<sockaddr*>(&to), to_length) != 0)
    return fail(from_errno(errno), "no UDP socket from " + caller.to_string() + " to " +
                                       target->to_string() + ": " + std::strerror(errno));
  return socket;
}

InboundDial::InboundDial(loop::Loop& loop, const IpAddress& caller, const IpAddress& own,
                         const SocketAddress& bound, Listener& listener)
    : listener_(listener), refused_(loop, *this) {
  assert(caller.is_v4() && caller != IpAddress::v4(INADDR_LOOPBACK));
  const auto target = inbound_target(bound, own);
  if (!target) {
    refused_.start(Duration::zero());
    return;
  }
  dial_.emplace(loop, *target, kLimit, static_cast<loop::TcpDial::Listener&>(*this),
                SocketAddress{caller, 0});
}

void InboundDial::on_dialled(loop::TcpDial&, UniqueFd fd, int error) {
  if (fd) loop::tune_local_leg(fd.get());
  listener_.on_inbound_dialled(*this, std::move(fd), error);
}

void InboundDial::on_timer(loop::Timer&) {
  listener_.on_inbound_dialled(*this, UniqueFd{}, ECONNREFUSED);
}

}  // namespace culvert::agent
