#include "shim/socket_facts.h"

#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim/keep_errno.h"

namespace culvert::shim {
namespace {

template <typename Value>
bool get_option(int fd, int level, int name, Value& value) {
  socklen_t length = sizeof value;
  return syscall(SYS_getsockopt, fd, level, name, &value, &length) == 0;
}

}  // namespace

bool is_tcp(int fd, int family) {
  int type = 0, protocol = 0, domain = 0;
  return get_option(fd, SOL_SOCKET, SO_TYPE, type) && type == SOCK_STREAM &&
         get_option(fd, SOL_SOCKET, SO_PROTOCOL, protocol) && protocol == IPPROTO_TCP &&
         get_option(fd, SOL_SOCKET, SO_DOMAIN, domain) && domain == family;
}

bool is_tcp(int fd) { return is_tcp(fd, AF_INET) || is_tcp(fd, AF_INET6); }

bool is_udp(int fd) {
  int protocol = 0;
  return get_option(fd, SOL_SOCKET, SO_PROTOCOL, protocol) && protocol == IPPROTO_UDP;
}

// Not by getpeername(), which sandboxes of UDP programs may not know. SO_PEERNAME fails where there
// is more room than address (net/core/sock.c), and gives a part where there is less.
bool is_connected(int fd) {
  sockaddr_in peer;
  return get_option(fd, SOL_SOCKET, SO_PEERNAME, peer);
}

int tcp_state(int fd) {
  uint8_t state = 0;  // the first octet of struct tcp_info
  return get_option(fd, IPPROTO_TCP, TCP_INFO, state) ? state : -1;
}

uint64_t socket_cookie(int fd) {
  uint64_t cookie = 0;
  return get_option(fd, SOL_SOCKET, SO_COOKIE, cookie) ? cookie : 0;
}

unsigned poll_events(int fd) {
  pollfd look = {fd, POLLRDHUP, 0};
  timespec at_once = {0, 0};
  if (syscall(SYS_ppoll, &look, 1, &at_once, nullptr, 0) != 1) return 0;
  return static_cast<unsigned short>(look.revents);
}

int take_pending_error(int fd) {
  int error = 0;
  get_option(fd, SOL_SOCKET, SO_ERROR, error);
  return error;
}

void leave_peer(int fd) {
  const KeepErrno keep;
  const sockaddr nowhere = {.sa_family = AF_UNSPEC, .sa_data = {}};
  syscall(SYS_connect, fd, &nowhere, sizeof nowhere);
}

bool may_reach_pool(int fd) {
  int v6_only = 0;
  if (!get_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, v6_only)) return true;  // an IPv4 socket
  sockaddr_in6 local = {};
  socklen_t length = sizeof local;
  if (syscall(SYS_getsockname, fd, &local, &length) != 0) return false;
  if (!IN6_IS_ADDR_UNSPECIFIED(&local.sin6_addr) && !IN6_IS_ADDR_V4MAPPED(&local.sin6_addr))
    return false;
  constexpr int kOff = 0;
  return v6_only == 0 ||
         syscall(SYS_setsockopt, fd, IPPROTO_IPV6, IPV6_V6ONLY, &kOff, sizeof kOff) == 0;
}

bool is_v6_alone(int fd) {
  int v6_only = 0;
  sockaddr_in6 local = {};
  socklen_t length = sizeof local;
  if (syscall(SYS_getsockname, fd, &local, &length) != 0 || local.sin6_family != AF_INET6)
    return false;
  if (!IN6_IS_ADDR_UNSPECIFIED(&local.sin6_addr)) return !IN6_IS_ADDR_V4MAPPED(&local.sin6_addr);
  return get_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, v6_only) && v6_only != 0;
}

bool put_local_address(int fd, culvert_question_packet& question) {
  union {
    sockaddr any;
    sockaddr_in v4;
    sockaddr_in6 v6;
  } local = {};
  socklen_t length = sizeof local;
  if (syscall(SYS_getsockname, fd, &local, &length) != 0) return false;
  question.family = AF_INET;
  if (local.any.sa_family == AF_INET) {
    question.port = ntohs(local.v4.sin_port);
    memcpy(question.address, &local.v4.sin_addr, 4);
    return true;
  }
  if (local.any.sa_family != AF_INET6) return false;
  question.port = ntohs(local.v6.sin6_port);
  if (IN6_IS_ADDR_V4MAPPED(&local.v6.sin6_addr)) {
    memcpy(question.address, local.v6.sin6_addr.s6_addr + 12, 4);
    return true;
  }
  question.family = AF_INET6;
  memcpy(question.address, &local.v6.sin6_addr, 16);
  return true;
}

}  // namespace culvert::shim
