// shim/hook_bind.cc: bind() of a UDP socket, which may be published; and of either kind to a port
// on every address, which the agent may be in the way of: while a program here calls that port of
// another machine, and for seconds afterwards, it has that port of a virtual address.
#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#include "shim/export.h"
#include "shim/hook_question.h"
#include "shim/keep_errno.h"
#include "shim/real.h"
#include "shim/settings.h"
#include "shim/socket_facts.h"
#include "shim/virtual_datagrams.h"

namespace culvert::shim {
namespace {

// What the program wants bound; `port` in host order, 0 where it chose none (one that the kernel
// chooses matters once the program asks for it: hook_own_port.cc).
struct Wanted {
  uint16_t port = 0;
  bool everywhere = false;
};

// Of an address that the kernel has just read.
Wanted read_wanted(const sockaddr* address, socklen_t length) {
  static_assert(offsetof(sockaddr_in, sin_port) == offsetof(sockaddr_in6, sin6_port));
  union {
    sockaddr_in four;
    sockaddr_in6 six;
  } copy{};
  if (length < sizeof copy.four) return {};
  memcpy(&copy, address, length < sizeof copy ? length : sizeof copy);
  const uint16_t port = ntohs(copy.four.sin_port);
  if (copy.four.sin_family == AF_INET) return {port, copy.four.sin_addr.s_addr == INADDR_ANY};
  if (copy.four.sin_family != AF_INET6) return {};
  return {port, IN6_IS_ADDR_UNSPECIFIED(&copy.six.sin6_addr) != 0};
}

bool agent_lets_go(uint16_t port) {
  auto question = make_question(CULVERT_ASK_TO_LET_GO);
  question.family = AF_INET;
  question.port = port;
  culvert_answer_packet answer;
  return ask_in_hook(question, answer) && answer.verdict == CULVERT_FOUND;
}

}  // namespace
}  // namespace culvert::shim

CULVERT_INTERPOSE int bind(int fd, const sockaddr* address, socklen_t length) noexcept {
  using namespace culvert::shim;
  const int result = real.bind(fd, address, length);
  if (!settings.active || (result != 0 && errno != EADDRINUSE)) return result;
  KeepErrno keep;
  const Wanted wanted = read_wanted(address, length);
  if (wanted.port == 0) return result;
  const bool udp = is_udp(fd);
  if (udp &&
      (result == 0 || (wanted.everywhere && bind_beside_agent(fd, address, length, wanted.port)))) {
    tell_bound(fd, wanted.everywhere);
    return 0;
  }
  if (result == 0 || udp || !wanted.everywhere || !is_tcp(fd) || !agent_lets_go(wanted.port))
    return result;
  return keep.result(real.bind(fd, address, length));
}
