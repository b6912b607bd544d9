#include "tunnel/loop/local_address.h"

#include <sys/socket.h>

namespace culvert::loop {

SocketAddress local_address(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return {};
  return SocketAddress::from(reinterpret_cast<sockaddr*>(&address));
}

}  // namespace culvert::loop
