#include "shim/own_address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim/real.h"
#include "shim/settings.h"
#include "shim/socket_facts.h"

namespace culvert::shim {
namespace {

constexpr socklen_t kLeastV6 = 24;  // the least that the kernel takes (RFC 2133)

union Local {
  sockaddr any;
  sockaddr_in v4;
  sockaddr_in6 v6;
};

bool read_local(int fd, Local& local) {
  socklen_t length = sizeof local;
  return syscall(SYS_getsockname, fd, &local, &length) == 0 &&
         (local.any.sa_family == AF_INET || local.any.sa_family == AF_INET6);
}

bool is_bound(const Local& local) {
  if (local.any.sa_family == AF_INET)
    return local.v4.sin_port != 0 || local.v4.sin_addr.s_addr != 0;
  return local.v6.sin6_port != 0 || !IN6_IS_ADDR_UNSPECIFIED(&local.v6.sin6_addr);
}

uint32_t v4_of(const Local& local) {
  uint32_t ip = local.v4.sin_addr.s_addr;
  if (local.any.sa_family == AF_INET6) {
    if (!IN6_IS_ADDR_V4MAPPED(&local.v6.sin6_addr)) return 0;
    memcpy(&ip, local.v6.sin6_addr.s6_addr + 12, sizeof ip);
  }
  return ntohl(ip);
}

// To `ip`, 0 for any, with no port: that is chosen by connect(), which can give one port to many
// connections where bind() gives it to one socket. A UDP socket's port is its own in any case, and
// sandboxes of UDP programs kill for an option that they have never heard of (chronyd -F 1).
void bind_without_port(int fd, int family, uint32_t ip) {
  constexpr int kOn = 1;
  int before = 0;
  socklen_t length = sizeof before;
  Local at = {};
  at.any.sa_family = static_cast<sa_family_t>(family);
  const uint32_t octets = htonl(ip);
  if (family == AF_INET) {
    at.v4.sin_addr.s_addr = octets;
  } else if (ip != 0) {
    at.v6.sin6_addr.s6_addr[10] = at.v6.sin6_addr.s6_addr[11] = 0xff;
    memcpy(at.v6.sin6_addr.s6_addr + 12, &octets, sizeof octets);
  }
  const bool option = !is_udp(fd);
  if (option) syscall(SYS_getsockopt, fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &before, &length);
  if (option &&
      syscall(SYS_setsockopt, fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &kOn, sizeof kOn) != 0)
    return;
  syscall(SYS_bind, fd, &at, family == AF_INET ? sizeof at.v4 : sizeof at.v6);
  if (option && before == 0)
    syscall(SYS_setsockopt, fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &before, sizeof before);
}

int connect_from_elsewhere(int fd, const sockaddr* address, socklen_t length) {
  Local local;
  const bool from_own = read_local(fd, local) && v4_of(local) == settings.own_address;
  const socklen_t whole =
      from_own && local.any.sa_family == AF_INET6 ? kLeastV6 : sizeof(sockaddr_in);
  // AF_UNSPEC would end a connection.
  if (!from_own || length < whole || (!is_udp(fd) && tcp_state(fd) != TCP_CLOSE)) {
    errno = EINVAL;
    return -1;
  }
  leave_peer(fd);
  bind_without_port(fd, local.any.sa_family, 0);
  return real.connect(fd, address, length);
}

bool is_at_every_address(const Local& local) {
  return local.any.sa_family == AF_INET ? local.v4.sin_addr.s_addr == 0
                                        : IN6_IS_ADDR_UNSPECIFIED(&local.v6.sin6_addr);
}

// On a TCP socket with a port IP_BIND_ADDRESS_NO_PORT has no effect any more: it says later that
// the program has bound it to every address, and not to 127.0.0.1, nor accepted it there.
void mark(int fd) {
  constexpr int kOn = 1;
  if (!is_udp(fd))
    syscall(SYS_setsockopt, fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &kOn, sizeof kOn);
}

bool is_marked(int fd) {
  int marked = 0;
  socklen_t length = sizeof marked;
  return is_udp(fd) ||
         (syscall(SYS_getsockopt, fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &marked, &length) == 0 &&
          marked != 0);
}

}  // namespace

void leave_device(int fd) {
  char device[IF_NAMESIZE];
  socklen_t length = sizeof device;
  if (syscall(SYS_getsockopt, fd, SOL_SOCKET, SO_BINDTODEVICE, &device[0], &length) == 0 &&
      length > 0)
    syscall(SYS_setsockopt, fd, SOL_SOCKET, SO_BINDTODEVICE, "", 0);
}

void take_own_address(int fd) {
  Local local;
  if (settings.own_address == 0 || !read_local(fd, local)) return;
  if (!is_bound(local)) return bind_without_port(fd, local.any.sa_family, settings.own_address);
  if (is_at_every_address(local)) mark(fd);
}

bool has_own_address(int fd) {
  Local local;
  return settings.own_address != 0 && read_local(fd, local) && v4_of(local) == settings.own_address;
}

void show_own_address(int fd, sockaddr* address, socklen_t length) {
  Local local = {};
  memcpy(&local, address, length < sizeof local ? length : sizeof local);
  const bool v4 = local.any.sa_family == AF_INET && length >= sizeof local.v4;
  const bool v6 = local.any.sa_family == AF_INET6 && length >= kLeastV6;
  if ((!v4 && !v6) || v4_of(local) != INADDR_LOOPBACK) return;
  Local peer = {};
  socklen_t size = v4 ? sizeof peer.v4 : sizeof peer.v6;
  // Not by getpeername(): see is_connected().
  if (syscall(SYS_getsockopt, fd, SOL_SOCKET, SO_PEERNAME, &peer, &size) != 0) return;
  if (!settings.in_pool(v4_of(peer)) || !is_marked(fd)) return;
  const uint32_t octets = htonl(settings.own_address);
  void* const place = v4 ? static_cast<void*>(&local.v4.sin_addr) : local.v6.sin6_addr.s6_addr + 12;
  memcpy(place, &octets, sizeof octets);
  memcpy(address, &local, length < sizeof local ? length : sizeof local);
}

int connect_elsewhere(int fd, const sockaddr* address, socklen_t length) {
  const int result = real.connect(fd, address, length);
  if (result == 0 || errno != EINVAL || settings.own_address == 0) return result;
  return connect_from_elsewhere(fd, address, length);
}

}  // namespace culvert::shim
