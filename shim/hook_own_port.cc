// shim/hook_own_port.cc: getsockname(): a UDP socket whose port the kernel has chosen can be called
// as soon as its program knows that port, and can tell it to somebody. All others pay a look at the
// protocol, and nothing where the agent publishes nothing by itself (CULVERT_PUBLISH).
#include <sys/socket.h>

#include "shim/export.h"
#include "shim/keep_errno.h"
#include "shim/real.h"
#include "shim/settings.h"
#include "shim/socket_facts.h"
#include "shim/virtual_datagrams.h"

CULVERT_INTERPOSE int getsockname(int fd, sockaddr* address, socklen_t* length) noexcept {
  using namespace culvert::shim;
  const int result = real.getsockname(fd, address, length);
  if (result != 0 || !settings.tells_kernels_ports) return result;
  const KeepErrno keep;
  if (is_udp(fd)) tell_asked_for_port(fd);
  return result;
}
