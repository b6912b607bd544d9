// shim/hook_peer.cc: getpeername() where the socket's peer is not what the program asked for:
// where the agent may not listen on ports below 1024 the hold is at CULVERT_LOW_PORT_BASE + port;
// where a program here listens on the port, the agent knows which it was; and an ordinary address
// that is reached through the service has a stand-in in the pool.
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#include "shim/export.h"
#include "shim/forwarded.h"
#include "shim/hook_question.h"
#include "shim/keep_errno.h"
#include "shim/ordinary_address.h"
#include "shim/program_memory.h"
#include "shim/real.h"
#include "shim/settings.h"
#include "shim/v6_senders.h"
#include "shim/virtual_peer.h"
#include "shim/wire.h"

namespace culvert::shim {
namespace {

uint16_t ask_for_wanted_port(const VirtualPeer& peer) {
  auto question = make_question(CULVERT_ASK_WANTED_PORT);
  put_ipv4(question, peer.ip(), peer.port());
  culvert_answer_packet answer;
  return ask_in_hook(question, answer) && answer.verdict == CULVERT_FOUND ? answer.port
                                                                          : peer.port();
}

uint16_t wanted_port(const VirtualPeer& peer) {
  if (peer.port() > CULVERT_LOW_PORT_BASE && settings.low_ports_mapped)
    return static_cast<uint16_t>(peer.port() - CULVERT_LOW_PORT_BASE);
  if (peer.port() < CULVERT_ELSEWHERE_FIRST || peer.port() > CULVERT_ELSEWHERE_LAST)
    return peer.port();
  return ask_for_wanted_port(peer);
}

void show_wanted_port(sockaddr* address, const VirtualPeer& peer) {
  const uint16_t port = htons(wanted_port(peer));
  static_assert(offsetof(sockaddr_in, sin_port) == offsetof(sockaddr_in6, sin6_port));
  memcpy(reinterpret_cast<char*>(address) + offsetof(sockaddr_in, sin_port), &port, sizeof port);
}

void show_what_was_asked_for(int fd, sockaddr* address, socklen_t offered, socklen_t length) {
  const KeepErrno keep;
  if (any_v6_servers() && offered >= length) show_caller(fd, address, length);
  VirtualPeer peer;
  if (offered < length || !read_virtual_peer(address, length, peer) || peer.ordinary) return;
  show_wanted_port(address, peer);
  if (any_forwarded()) show_ordinary_address(address, peer);
}

}  // namespace
}  // namespace culvert::shim

CULVERT_INTERPOSE int getpeername(int fd, sockaddr* address, socklen_t* length) noexcept {
  using namespace culvert::shim;
  socklen_t offered = 0;
  const bool map = settings.active && read_offered(length, offered);
  const int result = real.getpeername(fd, address, length);
  if (result == 0 && map) show_what_was_asked_for(fd, address, offered, *length);
  return result;
}
