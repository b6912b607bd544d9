#include "agent/activated_sockets.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <optional>

#include "agent/agent_client.h"
#include "tunnel/base/text.h"
#include "tunnel/loop/local_address.h"

namespace culvert::agent {
namespace {

constexpr int kFirst = 3;  // SD_LISTEN_FDS_START
constexpr int kMost = 1024;

template <typename Number>
Number number_in(const char* variable) {
  const char* text = std::getenv(variable);
  Number number = 0;
  return text != nullptr && parse_number(text, number) ? number : 0;
}

template <typename Value>
std::optional<Value> option_of(int fd, int name) {
  Value value{};
  socklen_t length = sizeof value;
  if (getsockopt(fd, SOL_SOCKET, name, &value, &length) != 0) return std::nullopt;
  return value;
}

std::optional<culvert_question_packet> question_about(int fd) {
  const auto protocol = option_of<int>(fd, SO_PROTOCOL);
  const auto cookie = option_of<std::uint64_t>(fd, SO_COOKIE);
  if (!protocol || !cookie) return std::nullopt;
  const SocketAddress at{IpAddress::v4(0),
                         loop::local_address(fd).port};  // the kernel is asked where it really is
  if (*protocol == IPPROTO_UDP) return make_question(CULVERT_TELL_BOUND, *cookie, at);
  const bool listens = *protocol == IPPROTO_TCP && option_of<int>(fd, SO_ACCEPTCONN) == 1;
  if (!listens) return std::nullopt;  // a connection (Accept=yes), a unix socket, a file
  return make_question(CULVERT_TELL_LISTENING, *cookie, at);
}

}  // namespace

void tell_activated_sockets(const std::string& socket, Duration limit) {
  if (number_in<pid_t>("LISTEN_PID") != ::getpid()) return;
  const int count = number_in<int>("LISTEN_FDS");
  for (int fd = kFirst; fd < kFirst + count && fd < kFirst + kMost; ++fd) {
    const auto question = question_about(fd);
    if (!question) continue;
    const auto link = open_agent(socket);
    if (!link) return;
    (void)ask_agent_on(*link, *question, limit, fd);
  }
}

}  // namespace culvert::agent
