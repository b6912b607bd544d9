// shim/hook_receive.cc: recvfrom(), recvmsg() and recvmmsg(). Where the agent carries hosts that
// are given by number, what comes from the address that stands for one is shown to come from the
// number; and a server that takes IPv6 alone is shown its callers (v6_senders.h). read() and recv()
// have no hook.
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "shim/export.h"
#include "shim/forwarded.h"
#include "shim/keep_errno.h"
#include "shim/ordinary_datagrams.h"
#include "shim/program_memory.h"
#include "shim/real.h"
#include "shim/settings.h"
#include "shim/v6_senders.h"

namespace culvert::shim {
namespace {

bool concerns_us() { return settings.active && (any_forwarded() || any_v6_servers()); }

void show_sender(int fd, void* from, socklen_t offered, socklen_t size) {
  if (from == nullptr || size > offered) return;
  const KeepErrno keep;
  auto* const sender = static_cast<sockaddr*>(from);
  if (any_forwarded()) show_ordinary_sender(sender, size);
  if (any_v6_servers()) show_caller(fd, sender, size);
}

template <typename Receive>
ssize_t receive(int fd, sockaddr* from, socklen_t* length, Receive call) {
  socklen_t offered = 0;
  const bool shown = from != nullptr && concerns_us() && read_offered(length, offered);
  const ssize_t size = call();
  if (size >= 0 && shown) show_sender(fd, from, offered, *length);
  return size;
}

int receive_many(int fd, mmsghdr* messages, unsigned count, int flags, timespec* limit) {
  constexpr unsigned kMost = 1024;  // UIO_MAXIOV: the kernel takes no more
  if (count > kMost) count = kMost;
  socklen_t offered[kMost];
  for (unsigned i = 0; i < count; ++i) {
    if (!is_readable(&messages[i], sizeof messages[i]))
      count = i + 1;  // it says EFAULT there
    else
      offered[i] = messages[i].msg_hdr.msg_namelen;
  }
  const int got = real.recvmmsg(fd, messages, count, flags, limit);
  for (int i = 0; i < got; ++i)
    show_sender(fd, messages[i].msg_hdr.msg_name, offered[i], messages[i].msg_hdr.msg_namelen);
  return got;
}

}  // namespace
}  // namespace culvert::shim

CULVERT_INTERPOSE ssize_t recvfrom(int fd, void* data, size_t size, int flags, sockaddr* from,
                                   socklen_t* length) {
  using namespace culvert::shim;
  return receive(fd, from, length,
                 [&] { return real.recvfrom(fd, data, size, flags, from, length); });
}

// Of programs compiled with _FORTIFY_SOURCE, where the compiler cannot tell that `size` fits.
CULVERT_INTERPOSE ssize_t __recvfrom_chk(int fd, void* data, size_t size, size_t room, int flags,
                                         sockaddr* from, socklen_t* length) {
  using namespace culvert::shim;
  return receive(fd, from, length,
                 [&] { return real.checked_recvfrom(fd, data, size, room, flags, from, length); });
}

CULVERT_INTERPOSE ssize_t recvmsg(int fd, msghdr* message, int flags) {
  using namespace culvert::shim;
  if (!concerns_us() || !is_readable(message, sizeof *message))
    return real.recvmsg(fd, message, flags);
  const socklen_t offered = message->msg_namelen;
  const ssize_t size = real.recvmsg(fd, message, flags);
  if (size >= 0) show_sender(fd, message->msg_name, offered, message->msg_namelen);
  return size;
}

CULVERT_INTERPOSE int recvmmsg(int fd, mmsghdr* messages, unsigned count, int flags,
                               timespec* limit) {
  using namespace culvert::shim;
  return concerns_us() ? receive_many(fd, messages, count, flags, limit)
                       : real.recvmmsg(fd, messages, count, flags, limit);
}
