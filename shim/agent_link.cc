#include "shim/agent_link.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "shim/settings.h"
#include "shim/spare_descriptor.h"

namespace culvert::shim {
namespace {

// Raw system calls throughout: libc's are cancellation points (pthread_cancel() would leak the
// descriptor) and may be interposed by other preloaded libraries.

int64_t now_ms() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

timespec to_timespec(int ms) { return {ms / 1000, long{ms % 1000} * 1'000'000}; }

// `prefix` and `name` in the abstract namespace. 0 if they do not fit.
socklen_t abstract_address(sockaddr_un& address, const char* prefix, const char* name) {
  memset(&address, 0, sizeof address);
  address.sun_family = AF_UNIX;
  const size_t before = strlen(prefix), size = strlen(name);
  if (1 + before + size > sizeof address.sun_path) return 0;
  memcpy(address.sun_path + 1, prefix, before);
  memcpy(address.sun_path + 1 + before, name, size);
  return static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + before + size);
}

// "@name" is a name in the abstract namespace. 0 if the path does not fit.
socklen_t agent_address(sockaddr_un& address) {
  const char* path = settings.agent.value();
  const size_t length = strlen(path);
  if (length == 0 || length >= sizeof address.sun_path) return 0;
  if (path[0] == '@') return abstract_address(address, "", path + 1);
  memset(&address, 0, sizeof address);
  address.sun_family = AF_UNIX;
  memcpy(address.sun_path, path, length);
  return static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length + 1);
}

// For programs in a chroot. Only to whom the file belonged that this process has seen before.
bool connect_abstract(int fd) {
  sockaddr_un address;
  const socklen_t length = abstract_address(address, CULVERT_ABSTRACT, settings.agent.value());
  if (length == 0 || syscall(SYS_connect, fd, &address, length) != 0) return false;
  ucred owner;
  socklen_t owner_size = sizeof owner;
  return syscall(SYS_getsockopt, fd, SOL_SOCKET, SO_PEERCRED, &owner, &owner_size) == 0 &&
         owner.uid == settings.agent_owner;
}

bool is_valid(const culvert_answer_packet& answer, long size) {
  return size == long{sizeof answer} && answer.magic == CULVERT_WIRE_MAGIC &&
         answer.version == CULVERT_WIRE_VERSION;
}

}  // namespace

culvert_question_packet make_question(culvert_question kind, uint64_t cookie) {
  culvert_question_packet question;
  memset(&question, 0, sizeof question);
  question.magic = CULVERT_WIRE_MAGIC;
  question.version = CULVERT_WIRE_VERSION;
  question.kind = static_cast<uint16_t>(kind);
  question.cookie = cookie;
  return question;
}

void put_ipv4(culvert_question_packet& question, uint32_t ip, uint16_t port) {
  question.family = AF_INET;
  question.port = port;
  const uint32_t octets = htonl(ip);
  memcpy(question.address, &octets, sizeof octets);
}

AgentLink::AgentLink(int patience_ms) : deadline_ms_(now_ms() + patience_ms) {}

AgentLink::~AgentLink() {
  if (fd_ >= 0) syscall(SYS_close, fd_);
}

int AgentLink::remaining_ms() const {
  const int64_t left = deadline_ms_ - now_ms();
  return left > 0 ? static_cast<int>(left) : 0;
}

bool AgentLink::open_link() {
  if (fd_ >= 0) return true;
  sockaddr_un address;
  const socklen_t length = agent_address(address);
  if (length == 0) return false;
  const auto type = SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK;
  fd_ = make_socket_at_limit(AF_UNIX, type);
  lacks_descriptor_ = fd_ < 0 && errno == EMFILE;
  if (fd_ < 0) return false;
  if (syscall(SYS_connect, fd_, &address, length) == 0) return true;
  if (errno == ENOENT || errno == ENOTDIR) return connect_abstract(fd_);
  if (errno != EAGAIN) return false;
  // The agent's backlog is full: there is nothing to poll for, but a blocking AF_UNIX connect()
  // waits for as long as SO_SNDTIMEO.
  if (syscall(SYS_fcntl, fd_, F_SETFL, O_RDWR) != 0) return false;
  for (;;) {
    const int ms = remaining_ms();
    const timeval patience = {ms / 1000, long{ms % 1000} * 1000 + 1};
    syscall(SYS_setsockopt, fd_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (syscall(SYS_connect, fd_, &address, length) == 0) return true;
    if (errno != EINTR || ms == 0) return false;
  }
}

bool AgentLink::wait_for_answer() {
  for (;;) {
    pollfd waiting = {fd_, POLLIN, 0};
    timespec patience = to_timespec(remaining_ms());
    const long ready = syscall(SYS_ppoll, &waiting, 1, &patience, nullptr, 0);
    if (ready > 0) return true;
    if (ready == 0 || errno != EINTR) return false;
  }
}

bool AgentLink::ask(const culvert_question_packet& question, culvert_answer_packet& answer) {
  int passed;
  const bool answered = ask(question, answer, passed);
  if (passed >= 0) syscall(SYS_close, passed);
  return answered;
}

bool AgentLink::ask(const culvert_question_packet& question, culvert_answer_packet& answer,
                    int& passed) {
  passed = -1;
  if (!tell(question) || !wait_for_answer()) return false;
  iovec text = {&answer, sizeof answer};
  alignas(cmsghdr) char rights[CMSG_SPACE(sizeof(int))] = {};
  msghdr message = {};
  message.msg_iov = &text;
  message.msg_iovlen = 1;
  message.msg_control = rights;
  message.msg_controllen = CMSG_LEN(sizeof(int));  // CMSG_SPACE would have room for two
  const long size = syscall(SYS_recvmsg, fd_, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  const cmsghdr* head = size < 0 ? nullptr : CMSG_FIRSTHDR(&message);
  if (head != nullptr && head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS)
    memcpy(&passed, CMSG_DATA(head), sizeof passed);
  if (!is_valid(answer, size)) return false;
  answer.name[sizeof answer.name - 1] = '\0';
  return true;
}

bool AgentLink::tell(const culvert_question_packet* questions, size_t count) {
  if (!open_link()) return false;
  const size_t size = count * sizeof *questions;
  if (shown_ >= 0) return tell_and_show(questions, size);
  const long sent =
      syscall(SYS_sendto, fd_, questions, size, MSG_NOSIGNAL | MSG_DONTWAIT, nullptr, 0);
  return sent == static_cast<long>(size);
}

bool has_left_root() {
  return settings.started_as_root && (syscall(SYS_getuid) != 0 || syscall(SYS_geteuid) != 0);
}

void AgentLink::show(int fd) {
  if (settings.started_as_root) shown_ = fd;
}

bool AgentLink::tell_and_show(const culvert_question_packet* questions, size_t size) {
  iovec text = {const_cast<culvert_question_packet*>(questions), size};
  alignas(cmsghdr) char rights[CMSG_SPACE(sizeof(int))] = {};
  msghdr message = {};
  message.msg_iov = &text;
  message.msg_iovlen = 1;
  message.msg_control = rights;
  message.msg_controllen = sizeof rights;
  cmsghdr* head = CMSG_FIRSTHDR(&message);
  head->cmsg_level = SOL_SOCKET;
  head->cmsg_type = SCM_RIGHTS;
  head->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(head), &shown_, sizeof shown_);
  shown_ = -1;
  return syscall(SYS_sendmsg, fd_, &message, MSG_NOSIGNAL | MSG_DONTWAIT) ==
         static_cast<long>(size);
}

}  // namespace culvert::shim
