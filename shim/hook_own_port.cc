// shim/hook_own_port.cc: getsockname(): a UDP socket whose port the kernel has chosen can be called
// as soon as its program knows that port, and can tell it to somebody. All others pay a look at the
// protocol, and nothing where the agent publishes nothing by itself (CULVERT_PUBLISH).
//
// And a socket that its program has bound to every address, and then connected to a virtual one, is
// at 127.0.0.1 for the kernel, which cannot be changed any more. It shows what an unbound one does:
// this machine's own virtual address, at which the far end sees it.
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "shim/export.h"
#include "shim/keep_errno.h"
#include "shim/own_address.h"
#include "shim/program_memory.h"
#include "shim/real.h"
#include "shim/settings.h"
#include "shim/socket_facts.h"
#include "shim/virtual_datagrams.h"

CULVERT_INTERPOSE int getsockname(int fd, sockaddr* address, socklen_t* length) noexcept {
  using namespace culvert::shim;
  socklen_t offered = 0;
  const bool looks = settings.own_address != 0 && read_offered(length, offered);
  const int result = real.getsockname(fd, address, length);
  if (result != 0 || !settings.active) return result;
  const KeepErrno keep;
  if (looks && *length <= offered) show_own_address(fd, address, *length);
  if (settings.tells_kernels_ports && is_udp(fd)) tell_asked_for_port(fd);
  return result;
}
