// shim/hook_accept.cc: accept() at a listener that takes IPv6 alone. Nobody from elsewhere can call
// it, as there is but one IPv6 loopback address: the agent knocks, and what accept() returns is
// exchanged for the connection that is meant, under the same descriptor. Every other listener is
// called from the caller's own virtual address, and only looked at here.
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim/agent_link.h"
#include "shim/export.h"
#include "shim/inherited_options.h"
#include "shim/keep_errno.h"
#include "shim/program_memory.h"
#include "shim/real.h"
#include "shim/settings.h"
#include "shim/socket_facts.h"

namespace culvert::shim {
namespace {

using AddressCall = decltype(SYS_getpeername);

bool read_address(AddressCall call, int fd, sockaddr_in6& address) {
  socklen_t length = sizeof address;
  return syscall(call, fd, &address, &length) == 0 && address.sin6_family == AF_INET6;
}

// The agent comes from where it goes to.
bool may_be_knock(int listener, int fd, sockaddr_in6& peer) {
  sockaddr_in6 local;
  return read_address(SYS_getpeername, fd, peer) && !IN6_IS_ADDR_V4MAPPED(&peer.sin6_addr) &&
         read_address(SYS_getsockname, fd, local) &&
         memcmp(&peer.sin6_addr, &local.sin6_addr, sizeof peer.sin6_addr) == 0 &&
         is_v6_alone(listener);
}

int ask_for_meant(int fd, const sockaddr_in6& peer) {
  auto question = make_question(CULVERT_ASK_ACCEPTED, socket_cookie(fd));
  question.family = AF_INET6;
  question.port = ntohs(peer.sin6_port);
  memcpy(question.address, &peer.sin6_addr, sizeof question.address);
  AgentLink link(kHookPatienceMs);
  link.show(fd);
  culvert_answer_packet answer;
  int meant = -1;
  link.ask(question, answer, meant);
  return meant;
}

// Whether `fd` has become another connection.
bool exchange(int listener, int fd, int flags) {
  const KeepErrno keep;
  sockaddr_in6 peer;
  if (!may_be_knock(listener, fd, peer)) return false;
  const int meant = ask_for_meant(fd, peer);
  if (meant < 0) return false;
  copy_inherited_options(fd, meant);
  if ((flags & SOCK_NONBLOCK) != 0) syscall(SYS_fcntl, meant, F_SETFL, O_RDWR | O_NONBLOCK);
  const bool done = syscall(SYS_dup3, meant, fd, flags & SOCK_CLOEXEC) == fd;
  syscall(SYS_close, meant);
  return done;
}

// Without a call of its own where the kernel has shown an IPv4 peer.
bool is_v4(const sockaddr* address, socklen_t offered) {
  return address != nullptr && offered >= sizeof address->sa_family &&
         address->sa_family == AF_INET;
}

int accepted(int listener, int fd, sockaddr* address, socklen_t* length, socklen_t offered,
             int flags) {
  if (fd < 0 || !settings.active || is_v4(address, offered)) return fd;
  if (!exchange(listener, fd, flags) || address == nullptr) return fd;
  const KeepErrno keep;
  *length = offered;
  syscall(SYS_getpeername, fd, address, length);
  return fd;
}

}  // namespace
}  // namespace culvert::shim

CULVERT_INTERPOSE int accept(int listener, sockaddr* address, socklen_t* length) {
  using namespace culvert::shim;
  socklen_t offered = 0;
  if (address != nullptr && settings.active) read_offered(length, offered);
  const int fd = real.accept(listener, address, length);
  return accepted(listener, fd, address, length, offered, 0);
}

CULVERT_INTERPOSE int accept4(int listener, sockaddr* address, socklen_t* length, int flags) {
  using namespace culvert::shim;
  socklen_t offered = 0;
  if (address != nullptr && settings.active) read_offered(length, offered);
  const int fd = real.accept4(listener, address, length, flags);
  return accepted(listener, fd, address, length, offered, flags);
}
