#include "agent/virtual_port.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "tunnel/loop/local_address.h"
#include "tunnel/loop/udp_socket.h"

namespace culvert::agent {

void share_address(int socket, bool shared) {
  const int value = shared ? 1 : 0;
  ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &value, sizeof value);
}

// SO_REUSEADDR only while binding: the program that asks may have this port on 0.0.0.0 itself (SIP
// has), and its shim allows it for that moment too. Left on, any user could bind the same address
// and take what is sent to it.
Result<VirtualPort> bind_virtual_port(const SocketAddress& at) {
  auto socket = loop::make_udp_socket(AF_INET);
  share_address(socket.get(), true);
  sockaddr_storage address{};
  const auto length = at.fill(address);
  if (!socket || ::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), length) != 0) {
    const int error = errno;
    return fail(error == EMFILE || error == ENFILE ? ErrorCode::kExhausted : from_errno(error),
                "cannot bind " + at.to_string() + " (UDP): " + std::strerror(error));
  }
  share_address(socket.get(), false);
  const auto bound = loop::local_address(socket.get());
  return VirtualPort{std::move(socket), bound};
}

}  // namespace culvert::agent
