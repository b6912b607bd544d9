#include "agent/agent_client.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "agent/passed_descriptor.h"
#include "tunnel/base/bytes.h"
#include "tunnel/base/unique_fd.h"

namespace culvert::agent {
namespace {

constexpr std::size_t kMostText = 64u << 20;

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

Result<UniqueFd> ask(const std::string& path, culvert_question kind, std::string_view name = {}) {
  auto fd = open_agent(path);
  if (!fd) return fd;
  auto question = make_question(kind);
  name.copy(&question.name[0], sizeof question.name - 1);
  tell_agent_on(*fd, question);  // who hung up is found out by whoever waits for the answer
  return fd;
}

// One packet, within `limit`. 0 at end of file.
Result<std::size_t> receive(int fd, MutableBytes into, Duration limit, const std::string& path) {
  pollfd one{fd, POLLIN, 0};
  const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(limit).count();
  const int ready = ::poll(&one, 1, static_cast<int>(milliseconds));
  const auto size = ready == 1 ? recv(fd, into.data(), into.size(), 0) : -1;
  if (size < 0)
    return fail(ErrorCode::kTimedOut, "the agent on '" + path + "' does not answer: see its log");
  return static_cast<std::size_t>(size);
}

// Text in packets, up to the end of file.
Result<std::string> receive_text(const UniqueFd& fd, Duration limit, const std::string& path) {
  std::string text;
  std::array<std::byte, 16'384> packet;
  while (text.size() < kMostText) {
    const auto size = receive(fd.get(), packet, limit, path);
    if (!size) return fail(size.error());
    if (*size == 0) break;
    text += as_text(Bytes{packet}.first(*size));
  }
  return text;
}

}  // namespace

std::vector<std::string> agent_sockets(const std::string& given) {
  if (!given.empty()) return {given};
  if (auto path = environment("CULVERT_AGENT"); !path.empty()) return {path};
  std::vector<std::string> paths;
  if (const auto directory = environment("XDG_RUNTIME_DIR"); !directory.empty())
    paths.push_back(directory + "/culvert/agent.sock");
  paths.emplace_back("/run/culvert/agent.sock");
  return paths;
}

culvert_question_packet make_question(culvert_question kind, std::uint64_t cookie,
                                      const SocketAddress& address) {
  culvert_question_packet question{};
  question.magic = CULVERT_WIRE_MAGIC;
  question.version = CULVERT_WIRE_VERSION;
  question.kind = static_cast<std::uint16_t>(kind);
  question.cookie = cookie;
  question.family = AF_INET;
  question.port = address.port;
  std::memcpy(&question.address[0], address.ip.octets().data(), 4);
  return question;
}

Result<UniqueFd> open_agent(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    return fail(ErrorCode::kBadInput, "the control socket's path '" + path + "' is too long");
  std::memcpy(address.sun_path, path.data(), path.size());
  UniqueFd fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!fd || connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    const int error = errno;
    return fail(from_errno(error), "no agent answers on '" + path + "' (" + std::strerror(error) +
                                       "): start culvert-agent, or name its socket with --agent");
  }
  return fd;
}

void tell_agent_on(const UniqueFd& link, const culvert_question_packet& question) {
  (void)!::send(link.get(), &question, sizeof question, MSG_NOSIGNAL);
}

namespace {

Result<culvert_answer_packet> receive_answer(const UniqueFd& link, const std::string& socket,
                                             Duration limit) {
  culvert_answer_packet answer;
  const auto size =
      receive(link.get(), std::as_writable_bytes(std::span{&answer, 1}), limit, socket);
  if (!size) return fail(size.error());
  if (*size == 0)
    return fail(ErrorCode::kNotPermitted,
                "the agent on '" + socket + "' turned us away: it belongs to another user");
  if (*size != sizeof answer || answer.magic != CULVERT_WIRE_MAGIC ||
      answer.version != CULVERT_WIRE_VERSION || answer.family != AF_INET)
    return fail(ErrorCode::kProtocol, "what answers on '" + socket +
                                          "' is not an agent of this "
                                          "version: install agent and culvert of one release");
  answer.name[sizeof answer.name - 1] = '\0';
  return answer;
}

Result<culvert_answer_packet> ask_one(const std::string& socket, culvert_question kind,
                                      Duration limit) {
  const auto fd = ask(socket, kind);
  if (!fd) return fail(fd.error());
  return receive_answer(*fd, socket, limit);
}

}  // namespace

Result<culvert_answer_packet> ask_agent_on(const UniqueFd& link,
                                           const culvert_question_packet& question, Duration limit,
                                           int shown) {
  (void)send_passing(link.get(), std::as_bytes(std::span{&question, 1}), shown);
  return receive_answer(link, "its socket", limit);
}

IpAddress address_of(const culvert_answer_packet& answer) {
  std::uint32_t value = 0;
  for (int i = 0; i < 4; ++i) value = value << 8 | answer.address[i];
  return IpAddress::v4(value);
}

Result<AgentFacts> ask_agent(const std::string& socket, Duration limit) {
  const auto answer = ask_one(socket, CULVERT_ASK_AGENT, limit);
  if (!answer) return fail(answer.error());
  if (answer->verdict != CULVERT_FOUND || answer->port > 32)
    return fail(ErrorCode::kProtocol, "the agent on '" + socket + "' does not say its pool");
  AgentFacts facts{socket,
                   {address_of(*answer), answer->port},
                   (answer->flags & CULVERT_LOW_PORTS_MAPPED) != 0,
                   (answer->flags & CULVERT_PUBLISHES) != 0,
                   (answer->flags & CULVERT_PUBLISHES_ALL) != 0,
                   &answer->name[0],
                   {},
                   std::nullopt,
                   std::nullopt};
  auto forwarding = ask_forwarding(socket, limit);
  if (!forwarding) return fail(forwarding.error());
  facts.forwarding = std::move(*forwarding);
  const auto names = ask_one(socket, CULVERT_ASK_DNS, limit);
  if (names && names->verdict == CULVERT_FOUND)
    facts.name_server = SocketAddress{address_of(*names), names->port};
  const auto own = ask_one(socket, CULVERT_ASK_OWN_ADDRESS, limit);
  if (own && own->verdict == CULVERT_FOUND) facts.own_address = address_of(*own);
  return facts;
}

Result<std::string> ask_forwarding(const std::string& socket, Duration limit) {
  const auto fd = ask(socket, CULVERT_ASK_FORWARDING);
  if (!fd) return fail(fd.error());
  return receive_text(*fd, limit, socket);
}

Result<std::string> ask_why(const std::string& socket, const std::string& host, Duration limit) {
  const auto fd = ask(socket, CULVERT_ASK_WHY, host);
  if (!fd) return fail(fd.error());
  return receive_text(*fd, limit, socket);
}

Result<std::string> ask_status(const std::string& socket, Duration limit) {
  const auto fd = ask(socket, CULVERT_ASK_STATUS);
  if (!fd) return fail(fd.error());
  auto text = receive_text(*fd, limit, socket);
  if (text && text->empty())
    return fail(ErrorCode::kProtocol, "the agent on '" + socket + "' gave no status: see its log");
  return text;
}

}  // namespace culvert::agent
