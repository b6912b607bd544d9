// shim/hook_peer.cc: getpeername() where the agent may not listen on ports below 1024: the hold is
// at CULVERT_LOW_PORT_BASE + port then, and the program must see the port it asked for.
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#include "shim/export.h"
#include "shim/program_memory.h"
#include "shim/real.h"
#include "shim/settings.h"
#include "shim/virtual_peer.h"
#include "shim/wire.h"

namespace culvert::shim {
namespace {

// The 8 octets around the program's 4 are on the same page.
bool read_offered(const socklen_t* length, socklen_t& offered) {
  const auto around = reinterpret_cast<uintptr_t>(length) & ~uintptr_t{7};
  if (!is_readable(reinterpret_cast<const void*>(around), 8)) return false;
  memcpy(&offered, length, sizeof offered);
  return true;
}

void show_low_port(sockaddr* address, socklen_t offered, socklen_t length) {
  VirtualPeer peer;
  if (offered < length || !read_virtual_peer(address, length, peer)) return;
  if (peer.port() <= CULVERT_LOW_PORT_BASE) return;
  const uint16_t low = htons(static_cast<uint16_t>(peer.port() - CULVERT_LOW_PORT_BASE));
  static_assert(offsetof(sockaddr_in, sin_port) == offsetof(sockaddr_in6, sin6_port));
  memcpy(reinterpret_cast<char*>(address) + offsetof(sockaddr_in, sin_port), &low, sizeof low);
}

}  // namespace
}  // namespace culvert::shim

CULVERT_INTERPOSE int getpeername(int fd, sockaddr* address, socklen_t* length) noexcept {
  using namespace culvert::shim;
  socklen_t offered = 0;
  const bool map = settings.active && settings.low_ports_mapped && read_offered(length, offered);
  const int result = real.getpeername(fd, address, length);
  if (result == 0 && map) show_low_port(address, offered, *length);
  return result;
}
