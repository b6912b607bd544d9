// shim/hook_datagrams.cc: sendmmsg(); sendto() and sendmsg() are in hook_first_send.cc, bind() in
// hook_bind.cc. read, recv and send() of a connected socket have no hook.
#include <errno.h>
#include <sys/socket.h>

#include "shim/export.h"
#include "shim/keep_errno.h"
#include "shim/program_memory.h"
#include "shim/real.h"
#include "shim/settings.h"
#include "shim/socket_facts.h"
#include "shim/virtual_datagrams.h"

namespace culvert::shim {
namespace {

// Whether this one goes elsewhere than it is addressed to; `peer` is where it shall go really.
enum class Way { kAsItIs, kMoved, kFailed };
Way look_at(int fd, const msghdr& message, VirtualPeer& peer) {
  if (message.msg_name == nullptr ||
      !read_virtual_peer(static_cast<const sockaddr*>(message.msg_name), message.msg_namelen,
                         peer) ||
      !is_udp(fd))
    return Way::kAsItIs;
  const VirtualPeer meant = peer;
  if (!prepare_datagram(fd, peer)) return Way::kFailed;
  return peer.has_moved_from(meant) ? Way::kMoved : Way::kAsItIs;
}

// Those that go where they are addressed are sent together, by the real call.
int send_many(int fd, mmsghdr* messages, unsigned count, int flags) {
  constexpr unsigned kMost = 1024;  // UIO_MAXIOV: the kernel takes no more
  if (count > kMost) count = kMost;
  unsigned ready = 0;
  while (ready < count && is_readable(&messages[ready], sizeof messages[ready])) {
    VirtualPeer peer;
    const Way way = look_at(fd, messages[ready].msg_hdr, peer);
    if (way == Way::kAsItIs) {
      ++ready;
      continue;
    }
    if (ready > 0) break;  // first those before it
    if (way == Way::kFailed) return -1;
    msghdr moved = messages[0].msg_hdr;
    moved.msg_name = &peer.address;
    moved.msg_namelen = peer.length;
    const ssize_t sent = real.sendmsg(fd, &moved, flags);
    if (sent < 0) return -1;
    messages[0].msg_len = static_cast<unsigned>(sent);
    return 1;
  }
  return real.sendmmsg(fd, messages, ready == 0 ? count : ready, flags);
}

}  // namespace
}  // namespace culvert::shim

CULVERT_INTERPOSE int sendmmsg(int fd, mmsghdr* messages, unsigned count, int flags) {
  using namespace culvert::shim;
  if (!settings.active || count == 0) return real.sendmmsg(fd, messages, count, flags);
  KeepErrno keep;
  return keep.result(send_many(fd, messages, count, flags));
}
