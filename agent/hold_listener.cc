#include "agent/hold_listener.h"

#include <netinet/tcp.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace culvert::agent {
namespace {

UniqueFd make_socket() {
  return UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

}  // namespace

Result<HoldListener> HoldListener::open(const SocketAddress& at) {
  const auto failed = [&](const char* what) {
    const int error = errno;
    const auto code = error == EADDRINUSE ? ErrorCode::kNotPermitted : from_errno(error);
    return fail(code, "cannot " + std::string(what) + " for programs that connect to " +
                          at.to_string() + ": " + std::strerror(error) +
                          (code == ErrorCode::kExhausted ? ": raise the limit of open files" : ""));
  };
  HoldListener hold;
  hold.listener_ = make_socket();
  hold.dummy_ = make_socket();
  if (!hold.listener_ || !hold.dummy_) return failed("make a socket");
  const int on = 1, farthest = 255;
  const int listener = hold.listener_.get();
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  // So that the sockets that complete the connects may bind the same address meanwhile.
  setsockopt(listener, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  setsockopt(listener, IPPROTO_IP, IP_MINTTL, &farthest, sizeof farthest);
  sockaddr_storage address{};
  auto length = at.fill(address);
  if (bind(listener, reinterpret_cast<sockaddr*>(&address), length) != 0) return failed("bind");
  if (listen(listener, 0) != 0) return failed("listen");
  if (getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length) != 0)
    return failed("name the socket");
  hold.address_ = SocketAddress::from(reinterpret_cast<sockaddr*>(&address));
  setsockopt(hold.dummy_.get(), IPPROTO_IP, IP_TTL, &farthest, sizeof farthest);
  if (connect(hold.dummy_.get(), reinterpret_cast<sockaddr*>(&address), length) != 0 &&
      errno != EINPROGRESS)
    return failed("fill the queue");
  return hold;
}

bool may_bind_low_ports(const IpAddress& pool_address) {
  const auto fd = make_socket();
  sockaddr_storage address{};
  const auto length = SocketAddress{pool_address, 1}.fill(address);
  return bind(fd.get(), reinterpret_cast<sockaddr*>(&address), length) == 0 || errno != EACCES;
}

}  // namespace culvert::agent
