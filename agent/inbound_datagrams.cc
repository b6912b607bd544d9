#include "agent/inbound_datagrams.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "agent/inbound_dial.h"
#include "tunnel/loop/local_address.h"
#include "tunnel/loop/udp_socket.h"

namespace culvert::agent {
namespace {

bool bind_at(const UniqueFd& fd, const SocketAddress& at) {
  sockaddr_storage address{};
  const auto length = at.fill(address);
  return ::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), length) == 0;
}

bool connect_to(const UniqueFd& fd, const SocketAddress& to) {
  sockaddr_storage address{};
  const auto length = to.fill(address);
  return ::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), length) == 0;
}

// SO_REUSEPORT admits sockets of the same user alone. Not before bind() has found a free port: with
// it, one of a socket that shares counts as free.
bool share(const UniqueFd& fd) {
  const int on = 1;
  return ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0;
}

tl::unexpected<Error> no_socket(const SocketAddress& from, const SocketAddress& to) {
  const int error = errno;
  return fail(from_errno(error), "no UDP socket from " + from.to_string() + " to " +
                                     to.to_string() + ": " + std::strerror(error));
}

}  // namespace

// The one for others is bound before the first is connected: only then does the kernel count the
// group as one with connections, and look for the best match in it (udp(7) of none, but
// net/core/sock_reuseport.c, reuseport_has_conns).
Result<InboundDatagrams> open_inbound_datagrams(const IpAddress& caller,
                                                const SocketAddress& bound) {
  const auto target = inbound_target(bound, IpAddress::v4(INADDR_LOOPBACK));
  if (!target)
    return fail(ErrorCode::kRefused, "the program takes no IPv4 at " + bound.to_string());
  InboundDatagrams sockets{loop::make_udp_socket(AF_INET), {}};
  if (!sockets.asked || !bind_at(sockets.asked, {caller, 0}))
    return no_socket({caller, 0}, *target);
  const auto local = loop::local_address(sockets.asked.get());
  sockets.others = loop::make_udp_socket(AF_INET);
  if (!sockets.others || !share(sockets.asked) || !share(sockets.others) ||
      !bind_at(sockets.others, local))
    sockets.others.reset();
  if (!connect_to(sockets.asked, *target)) return no_socket(local, *target);
  return sockets;
}

Result<UniqueFd> open_inbound_beside(const SocketAddress& local, const SocketAddress& peer) {
  auto socket = loop::make_udp_socket(AF_INET);
  if (!socket || !share(socket) || !bind_at(socket, local) || !connect_to(socket, peer))
    return no_socket(local, peer);
  return socket;
}

}  // namespace culvert::agent
