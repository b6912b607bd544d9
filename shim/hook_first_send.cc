// shim/hook_first_send.cc: sendto() and sendmsg(): with MSG_FASTOPEN they connect, and of a UDP
// socket they may be the first to an address. A sendto() without an address pays two tests; an
// address or a message has to be looked at (0.1 us).
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim/export.h"
#include "shim/keep_errno.h"
#include "shim/prepared_connect.h"
#include "shim/program_memory.h"
#include "shim/real.h"
#include "shim/settings.h"
#include "shim/socket_facts.h"
#include "shim/virtual_connect.h"
#include "shim/virtual_datagrams.h"

namespace culvert::shim {
namespace {

bool is_ours(int fd, const VirtualPeer& peer) {
  return is_virtual_connect(fd, peer) && tcp_state(fd) == TCP_CLOSE;
}

bool may_wait(int fd, int flags) {
  return (flags & MSG_DONTWAIT) == 0 && (syscall(SYS_fcntl, fd, F_GETFL) & O_NONBLOCK) == 0;
}

ssize_t first_send(int fd, const msghdr& message, int flags, const VirtualPeer& peer) {
  msghdr ours = message;
  if (may_wait(fd, flags)) {
    if (connect_virtual(fd, &peer.address.any, peer.length, peer) != 0) return -1;
    ours.msg_name = nullptr;
    ours.msg_namelen = 0;
    return real.sendmsg(fd, &ours, flags & ~MSG_FASTOPEN);
  }
  PreparedConnect prepared(fd, peer);
  const auto verdict = prepared.prepare();
  if (verdict == PreparedConnect::Verdict::kNotOurs) return real.sendmsg(fd, &message, flags);
  if (verdict == PreparedConnect::Verdict::kFailed) {
    errno = prepared.error();
    return -1;
  }
  VirtualPeer held_at = prepared.peer();
  ours.msg_name = &held_at.address;
  ours.msg_namelen = held_at.length;
  const ssize_t sent = real.sendmsg(fd, &ours, flags);
  const int error = sent < 0 ? errno : 0;
  prepared.announce(error);
  errno = error;
  return sent;
}

// A datagram that may go elsewhere than it is addressed to: `peer` is where. `failed`: with errno.
bool is_led_datagram(int fd, const sockaddr* address, socklen_t length, VirtualPeer& peer,
                     bool& failed) {
  if (address == nullptr || !read_virtual_peer(address, length, peer) || !is_udp(fd)) return false;
  failed = !prepare_datagram(fd, peer);
  return true;
}

bool is_virtual_first_send(int fd, const sockaddr* address, socklen_t length, VirtualPeer& peer) {
  return read_virtual_peer(address, length, peer) && is_ours(fd, peer);
}

}  // namespace
}  // namespace culvert::shim

CULVERT_INTERPOSE ssize_t sendto(int fd, const void* data, size_t size, int flags,
                                 const sockaddr* address, socklen_t length) {
  using namespace culvert::shim;
  if (address == nullptr || !settings.active)
    return real.sendto(fd, data, size, flags, address, length);
  KeepErrno keep;
  VirtualPeer peer;
  if ((flags & MSG_FASTOPEN) == 0) {
    bool failed = false;
    if (!is_led_datagram(fd, address, length, peer, failed))
      return keep.result(real.sendto(fd, data, size, flags, address, length));
    if (failed) return keep.result(ssize_t{-1});
    return keep.result(real.sendto(fd, data, size, flags, &peer.address.any, peer.length));
  }
  if (!is_virtual_first_send(fd, address, length, peer))
    return keep.result(real.sendto(fd, data, size, flags, address, length));
  iovec all = {const_cast<void*>(data), size};
  msghdr message = {};
  message.msg_name = &peer.address;
  message.msg_namelen = peer.length;
  message.msg_iov = &all;
  message.msg_iovlen = 1;
  return keep.result(first_send(fd, message, flags, peer));
}

CULVERT_INTERPOSE ssize_t sendmsg(int fd, const msghdr* message, int flags) {
  using namespace culvert::shim;
  if (!settings.active) return real.sendmsg(fd, message, flags);
  KeepErrno keep;
  VirtualPeer peer;
  if (!is_readable(message, sizeof *message)) return keep.result(real.sendmsg(fd, message, flags));
  if ((flags & MSG_FASTOPEN) == 0) {
    bool failed = false;
    if (!is_led_datagram(fd, static_cast<const sockaddr*>(message->msg_name), message->msg_namelen,
                         peer, failed))
      return keep.result(real.sendmsg(fd, message, flags));
    if (failed) return keep.result(ssize_t{-1});
    msghdr moved = *message;
    moved.msg_name = &peer.address;
    moved.msg_namelen = peer.length;
    return keep.result(real.sendmsg(fd, &moved, flags));
  }
  if (!is_virtual_first_send(fd, static_cast<const sockaddr*>(message->msg_name),
                             message->msg_namelen, peer))
    return keep.result(real.sendmsg(fd, message, flags));
  return keep.result(first_send(fd, *message, flags, peer));
}
