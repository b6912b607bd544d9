#include "shim/inherited_options.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace culvert::shim {
namespace {

#ifndef SO_BUF_LOCK
constexpr int SO_BUF_LOCK = 72;  // Linux 5.14
#endif
constexpr int kSendBufferSet = 1, kReceiveBufferSet = 2;  // SOCK_SNDBUF_LOCK, SOCK_RCVBUF_LOCK

struct Option {
  int level, name;
};

constexpr Option kInherited[] = {
    {SOL_SOCKET, SO_KEEPALIVE},       {SOL_SOCKET, SO_LINGER},
    {SOL_SOCKET, SO_OOBINLINE},       {SOL_SOCKET, SO_PRIORITY},
    {SOL_SOCKET, SO_RCVLOWAT},        {SOL_SOCKET, SO_RCVTIMEO},
    {SOL_SOCKET, SO_SNDTIMEO},        {SOL_SOCKET, SO_REUSEADDR},
    {SOL_SOCKET, SO_TIMESTAMP},       {SOL_SOCKET, SO_BUSY_POLL},
    {SOL_SOCKET, SO_INCOMING_CPU},    {IPPROTO_IPV6, IPV6_TCLASS},
    {IPPROTO_TCP, TCP_NODELAY},       {IPPROTO_TCP, TCP_CORK},
    {IPPROTO_TCP, TCP_KEEPIDLE},      {IPPROTO_TCP, TCP_KEEPINTVL},
    {IPPROTO_TCP, TCP_KEEPCNT},       {IPPROTO_TCP, TCP_LINGER2},
    {IPPROTO_TCP, TCP_USER_TIMEOUT},  {IPPROTO_TCP, TCP_CONGESTION},
    {IPPROTO_TCP, TCP_NOTSENT_LOWAT},
};

bool get(int fd, Option option, void* value, socklen_t& length) {
  return syscall(SYS_getsockopt, fd, option.level, option.name, value, &length) == 0;
}

void set(int fd, Option option, const void* value, socklen_t length) {
  syscall(SYS_setsockopt, fd, option.level, option.name, value, length);
}

// getsockopt() tells twice what was set: the kernel's own share is in it.
void copy_buffer_size(int from, int to, int name) {
  int size = 0;
  socklen_t length = sizeof size;
  if (!get(from, {SOL_SOCKET, name}, &size, length)) return;
  size /= 2;
  set(to, {SOL_SOCKET, name}, &size, sizeof size);
}

}  // namespace

void copy_inherited_options(int from, int to) {
  for (const auto option : kInherited) {
    char value[32], other[32];
    socklen_t length = sizeof value, other_length = sizeof other;
    if (!get(from, option, value, length) || !get(to, option, other, other_length)) continue;
    bool same = length == other_length;
    for (socklen_t i = 0; same && i < length; ++i) same = value[i] == other[i];
    if (!same) set(to, option, value, length);
  }
  int set_by_hand = 0;
  socklen_t length = sizeof set_by_hand;
  if (!get(from, {SOL_SOCKET, SO_BUF_LOCK}, &set_by_hand, length)) return;
  if ((set_by_hand & kSendBufferSet) != 0) copy_buffer_size(from, to, SO_SNDBUF);
  if ((set_by_hand & kReceiveBufferSet) != 0) copy_buffer_size(from, to, SO_RCVBUF);
}

}  // namespace culvert::shim
