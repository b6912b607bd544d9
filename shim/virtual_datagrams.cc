#include "shim/virtual_datagrams.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "shim/hook_question.h"
#include "shim/ordinary_datagrams.h"
#include "shim/own_address.h"
#include "shim/real.h"
#include "shim/settings.h"
#include "shim/socket_facts.h"
#include "shim/v6_senders.h"

namespace culvert::shim {
namespace {

// What was asked lately and goes where it is meant to, of a socket and an address, or was told of a
// socket: 48 bits of their hash, and the second. Races between threads lose or keep an entry,
// nothing else.
constexpr uint64_t kRecent = 64;
uint64_t recent[kRecent];

uint64_t now_seconds() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return static_cast<uint64_t>(now.tv_sec) & 0xffff;
}

// By the socket's cookie, not its port: another one that gets the port has to ask for itself.
uint64_t hash_of(uint64_t cookie, uint32_t ip = 0, uint16_t port = 0) {
  uint64_t mixed = cookie * UINT64_C(0xff51afd7ed558ccd);
  mixed ^= (mixed >> 32) ^ (uint64_t{ip} << 16 | port);
  mixed *= UINT64_C(0x9e3779b97f4a7c15);
  return mixed ^ (mixed >> 29);
}

bool asked_lately(uint64_t hash) {
  const uint64_t known = __atomic_load_n(&recent[hash >> 58], __ATOMIC_RELAXED);
  if (known >> 16 != hash >> 16) return false;
  return ((now_seconds() - known) & 0xffff) < CULVERT_DATAGRAMS_SECONDS;
}

void remember(uint64_t hash) {
  const uint64_t entry = (hash & ~UINT64_C(0xffff)) | now_seconds();
  __atomic_store_n(&recent[hash >> 58], entry, __ATOMIC_RELAXED);
}

bool is_set(int fd, int option) {
  int value = 0;
  socklen_t length = sizeof value;
  return syscall(SYS_getsockopt, fd, SOL_SOCKET, option, &value, &length) == 0 && value != 0;
}

// The agent binds the virtual address on that very port, which the kernel permits beside a socket
// on 0.0.0.0 only if both share: for the moment of the question this one does.
class SharedWhileAsking {
 public:
  SharedWhileAsking(int fd, bool needed) : fd_(fd) {
    socklen_t length = sizeof was_;
    shares_ = needed &&
              syscall(SYS_getsockopt, fd_, SOL_SOCKET, SO_REUSEADDR, &was_, &length) == 0 &&
              was_ == 0 && set(1);
  }
  SharedWhileAsking(const SharedWhileAsking&) = delete;
  SharedWhileAsking& operator=(const SharedWhileAsking&) = delete;
  ~SharedWhileAsking() {
    if (shares_) set(0);
  }

 private:
  bool set(int value) {
    return syscall(SYS_setsockopt, fd_, SOL_SOCKET, SO_REUSEADDR, &value, sizeof value) == 0;
  }
  int fd_;
  int was_ = 0;
  bool shares_ = false;
};

}  // namespace

DatagramVerdict ask_about_datagrams(int fd, VirtualPeer& peer, uint16_t own_port) {
  using Verdict = DatagramVerdict;
  auto question = make_question(CULVERT_ASK_DATAGRAMS, socket_cookie(fd));
  put_peer(question, peer);
  question.flags = uint32_t{own_port} << 16;
  if (has_own_address(fd)) question.flags |= CULVERT_AT_OWN_ADDRESS;
  const SharedWhileAsking shared(fd, own_port == peer.port());
  culvert_answer_packet answer;
  errno = ENETUNREACH;
  if (!ask_in_hook(question, answer)) return peer.ordinary ? Verdict::kNotOurs : Verdict::kFailed;
  if (answer.verdict == CULVERT_NOT_OURS) return Verdict::kNotOurs;
  if (answer.verdict != CULVERT_HOLD || answer.family != AF_INET) {
    errno = answer.verdict == CULVERT_FAIL && answer.error > 0 ? answer.error : ENETUNREACH;
    return Verdict::kFailed;
  }
  const uint8_t really[4] = {answer.address[0], answer.address[1], answer.address[2],
                             answer.address[3]};
  peer.move_to(really, answer.port);
  return Verdict::kGo;
}

uint16_t own_port_of(int fd) {
  culvert_question_packet local;
  return put_local_address(fd, local) ? local.port : 0;
}

namespace {

// A socket that sends has a port, chosen by the kernel if need be: here it is chosen a moment
// earlier, as the agent asks the kernel whose datagrams come from it.
uint16_t take_port(int fd, int family) {
  const uint16_t own_port = own_port_of(fd);
  if (own_port != 0) return own_port;
  sockaddr_in6 any = {};
  any.sin6_family = static_cast<sa_family_t>(family);
  const socklen_t length = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
  syscall(SYS_bind, fd, &any, length);
  return own_port_of(fd);
}

}  // namespace

int connect_datagrams(int fd, const sockaddr* address, socklen_t length, const VirtualPeer& peer) {
  if (VirtualPeer sender = peer; peer.family() == AF_INET6 && is_v6_alone(fd)) {
    lead_to_sender(fd, sender);
    if (sender.has_moved_from(peer)) return real.connect(fd, &sender.address.any, sender.length);
  }
  leave_device(fd);
  take_own_address(fd);
  const int connected = real.connect(fd, address, length);
  if (connected != 0) return connected;
  VirtualPeer really = peer;
  using Verdict = DatagramVerdict;
  const Verdict verdict = ask_about_datagrams(fd, really, own_port_of(fd));
  if (verdict == Verdict::kNotOurs) return 0;
  if (verdict == Verdict::kGo && !really.has_moved_from(peer)) return 0;
  if (verdict == Verdict::kGo) return real.connect(fd, &really.address.any, really.length);
  leave_peer(fd);
  return -1;
}

bool prepare_datagram(int fd, VirtualPeer& peer) {
  if (peer.ordinary) return lead_ordinary_datagram(fd, peer);
  if (peer.family() == AF_INET6 && is_v6_alone(fd)) {
    lead_to_sender(fd, peer);
    return true;
  }
  const uint64_t hash = hash_of(socket_cookie(fd), peer.ip(), peer.port());
  if (asked_lately(hash)) return true;
  leave_device(fd);
  const VirtualPeer meant = peer;
  switch (ask_about_datagrams(fd, peer, take_port(fd, peer.family()))) {
    case DatagramVerdict::kFailed: return false;
    case DatagramVerdict::kNotOurs: return true;
    case DatagramVerdict::kGo: break;
  }
  if (!peer.has_moved_from(meant)) remember(hash);
  return true;
}

bool bind_beside_agent(int fd, const sockaddr* address, socklen_t length, uint16_t port) {
  auto question = make_question(CULVERT_ASK_TO_SHARE);
  question.family = AF_INET;
  question.port = port;
  if (is_set(fd, SO_REUSEADDR) || is_set(fd, SO_REUSEPORT)) question.flags = CULVERT_SHARES_ITSELF;
  const SharedWhileAsking shared(fd, true);
  AgentLink link(kHookPatienceMs);
  culvert_answer_packet answer;
  return link.ask(question, answer) && answer.verdict == CULVERT_FOUND &&
         real.bind(fd, address, length) == 0;
}

void tell_bound(int fd, bool everywhere) {
  auto question = make_question(CULVERT_TELL_BOUND, socket_cookie(fd));
  if (!put_local_address(fd, question)) return;
  question.flags = CULVERT_ASKS_ACCEPTED;
  look_for_v6_server(fd);
  remember(hash_of(question.cookie));
  const SharedWhileAsking shared(fd, everywhere);
  culvert_answer_packet answer;
  ask_in_hook(question, answer, fd);
}

// Waits for the answer: whoever is told the port then can send there. The socket is not shown:
// sandboxes kill for geteuid(), see has_left_root().
void tell_asked_for_port(int fd) {
  auto question = make_question(CULVERT_TELL_BOUND, socket_cookie(fd));
  const uint64_t hash = hash_of(question.cookie);
  if (asked_lately(hash) || is_connected(fd)) return;
  if (!put_local_address(fd, question) || question.port == 0) return;
  static constexpr uint8_t kAny[16] = {};
  if (question.family == AF_INET6 && memcmp(question.address, kAny, sizeof kAny) != 0) return;
  remember(hash);
  question.flags = CULVERT_KERNEL_CHOSE;
  culvert_answer_packet answer;
  ask_in_hook(question, answer);
}

}  // namespace culvert::shim
