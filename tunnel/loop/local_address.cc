#include "tunnel/loop/local_address.h"

#include <sys/socket.h>

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

}  // namespace culvert::loop
