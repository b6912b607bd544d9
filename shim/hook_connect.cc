// shim/hook_connect.cc: connect(), and socket() for the one kind of socket that cannot be held.
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "shim/export.h"
#include "shim/keep_errno.h"
#include "shim/ordinary_datagrams.h"
#include "shim/own_address.h"
#include "shim/real.h"
#include "shim/settings.h"
#include "shim/socket_facts.h"
#include "shim/virtual_connect.h"
#include "shim/virtual_datagrams.h"

namespace culvert::shim {
namespace {

constexpr int kTypeMask = 0xf;  // without SOCK_CLOEXEC and SOCK_NONBLOCK

constexpr uint16_t kNameServerPort = 53;

// The agent's name server, which lies in the pool. Programs know it at port 53; an agent that may
// not bind that has it elsewhere.
int connect_name_server(int fd, VirtualPeer& peer) {
  const in_addr to = {htonl(peer.ip())};
  uint8_t ip[4];
  memcpy(ip, &to, sizeof ip);
  if (peer.port() == kNameServerPort) peer.move_to(ip, settings.dns_port);
  return real.connect(fd, &peer.address.any, peer.length);
}

int connect_program(int fd, const sockaddr* address, socklen_t length) {
  VirtualPeer peer;
  if (!settings.active) return real.connect(fd, address, length);
  if (!read_virtual_peer(address, length, peer))
    return peer.name_server ? connect_name_server(fd, peer)
                            : connect_elsewhere(fd, address, length);
  KeepErrno keep;
  if (is_udp(fd))
    return keep.result(peer.ordinary ? connect_ordinary_datagrams(fd, address, length, peer)
                                     : connect_datagrams(fd, address, length, peer));
  if (!is_virtual_connect(fd, peer)) return keep.result(real.connect(fd, address, length));
  return keep.result(connect_virtual(fd, address, length, peer));
}

}  // namespace
}  // namespace culvert::shim

CULVERT_INTERPOSE int connect(int fd, const sockaddr* address, socklen_t length) {
  return culvert::shim::connect_program(fd, address, length);
}

// libc's own name for it, which some programs and libraries call.
CULVERT_INTERPOSE int __connect(int fd, const sockaddr* address, socklen_t length) {
  return culvert::shim::connect_program(fd, address, length);
}

// A simultaneous open does not complete a multipath TCP socket: the program's side never becomes
// writable (measured, Linux 6.18). Such a socket falls back to TCP with most peers anyway.
CULVERT_INTERPOSE int socket(int family, int type, int protocol) noexcept {
  using namespace culvert::shim;
  const bool multipath = protocol == IPPROTO_MPTCP && (type & kTypeMask) == SOCK_STREAM &&
                         (family == AF_INET || family == AF_INET6);
  return real.socket(family, type, settings.active && multipath ? IPPROTO_TCP : protocol);
}
