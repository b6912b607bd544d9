#include "tunnel/loop/local_address.h"

#include <sys/socket.h>

#include "tunnel/base/unique_fd.h"

namespace culvert::loop {

namespace {

using Ask = decltype(&::getsockname);
SocketAddress ask(Ask get, int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (get(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return {};
  return SocketAddress::from(reinterpret_cast<sockaddr*>(&address));
}

}  // namespace

SocketAddress local_address(int fd) { return ask(&::getsockname, fd); }
SocketAddress peer_address(int fd) { return ask(&::getpeername, fd); }

bool has_route(const IpAddress& to) { return own_address_towards(to).has_value(); }

std::optional<IpAddress> own_address_towards(const IpAddress& to) {
  constexpr std::uint16_t kAnyPort = 9;  // the kernel wants one
  sockaddr_storage address{};
  const auto length = SocketAddress{to, kAnyPort}.fill(address);
  const UniqueFd fd(::socket(address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd || ::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), length) != 0)
    return std::nullopt;
  return local_address(fd.get()).ip;
}

}  // namespace culvert::loop
