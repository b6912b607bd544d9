#include "shim/v6_senders.h"

#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim/agent_link.h"
#include "shim/real.h"
#include "shim/settings.h"
#include "shim/socket_facts.h"

namespace culvert::shim {
namespace {

bool any;

}  // namespace

bool any_v6_servers() { return __atomic_load_n(&any, __ATOMIC_RELAXED); }

void look_for_v6_server(int fd) {
  if (is_udp(fd) && is_v6_alone(fd)) __atomic_store_n(&any, true, __ATOMIC_RELAXED);
}

void look_for_inherited_v6_servers() {
  constexpr int kMost = 32;  // who hands sockets on (systemd, inetd) gives them low numbers
  for (int fd = 0; fd < kMost; ++fd) look_for_v6_server(fd);
}

namespace {

// The agent sends from where it sends to.
bool may_be_agent(int fd, const sockaddr_in6& from) {
  const uint16_t port = ntohs(from.sin6_port);
  if (port < CULVERT_ELSEWHERE_FIRST || port > CULVERT_ELSEWHERE_LAST || !is_udp(fd)) return false;
  if (IN6_IS_ADDR_LOOPBACK(&from.sin6_addr)) return is_v6_alone(fd);
  sockaddr_in6 local = {};
  socklen_t length = sizeof local;
  return syscall(SYS_getsockname, fd, &local, &length) == 0 && local.sin6_family == AF_INET6 &&
         memcmp(&local.sin6_addr, &from.sin6_addr, sizeof local.sin6_addr) == 0 && is_v6_alone(fd);
}

uint16_t own_port(int fd) {
  culvert_question_packet local;
  return put_local_address(fd, local) ? local.port : 0;
}

bool ask_about_sender(int fd, culvert_question_packet& question, culvert_answer_packet& answer) {
  question.flags = uint32_t{own_port(fd)} << 16;
  AgentLink link(kHookPatienceMs);
  return link.ask(question, answer) && answer.verdict == CULVERT_FOUND;
}

}  // namespace

void lead_to_sender(int fd, VirtualPeer& peer) {
  auto question = make_question(CULVERT_ASK_SENDER, socket_cookie(fd));
  put_peer(question, peer);
  culvert_answer_packet answer;
  if (!ask_about_sender(fd, question, answer) || answer.family != AF_INET6) return;
  memcpy(&peer.address.v6.sin6_addr, answer.address, sizeof peer.address.v6.sin6_addr);
  peer.address.v6.sin6_port = htons(answer.port);
}

void show_caller(int fd, sockaddr* from, socklen_t size) {
  sockaddr_in6 shown;
  if (size < sizeof shown || from->sa_family != AF_INET6) return;
  memcpy(&shown, from, sizeof shown);
  if (!may_be_agent(fd, shown)) return;
  auto question = make_question(CULVERT_ASK_SENDER, socket_cookie(fd));
  question.family = AF_INET6;
  question.port = ntohs(shown.sin6_port);
  memcpy(question.address, &shown.sin6_addr, sizeof question.address);
  culvert_answer_packet answer;
  if (!ask_about_sender(fd, question, answer) || answer.family != AF_INET) return;
  memset(&shown.sin6_addr, 0, 10);
  memset(shown.sin6_addr.s6_addr + 10, 0xff, 2);
  memcpy(shown.sin6_addr.s6_addr + 12, answer.address, 4);
  shown.sin6_port = htons(answer.port);
  shown.sin6_scope_id = 0;
  memcpy(from, &shown, sizeof shown);
}

}  // namespace culvert::shim
