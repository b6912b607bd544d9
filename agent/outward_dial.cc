#include "agent/outward_dial.h"

#include <sys/socket.h>

#include <cerrno>

#include "agent/shim_question.h"
#include "tunnel/loop/local_address.h"
#include "tunnel/loop/tcp_socket.h"

namespace culvert::agent {
namespace {

constexpr std::uint16_t kNamePort = 53;
constexpr std::chrono::seconds kAgentLimit{5};

int connect_to(int fd, const SocketAddress& to) {
  sockaddr_storage address{};
  const auto length = to.fill(address);
  if (::connect(fd, reinterpret_cast<sockaddr*>(&address), length) == 0) return 0;
  return errno;
}

}  // namespace

SocketAddress outward_target(const AgentFacts& agent, const SocketAddress& to) {
  if (agent.name_server && to.ip == agent.name_server->ip && to.port == kNamePort)
    return *agent.name_server;
  return to;
}

std::optional<SocketAddress> outward_datagrams(const AgentFacts& agent, const UniqueFd& socket,
                                               const SocketAddress& to) {
  const bool is_server = agent.name_server && to.ip == agent.name_server->ip;
  const bool is_virtual = agent.pool.contains(to.ip);
  if (is_server || !(is_virtual || agent.may_forward(to.ip))) return outward_target(agent, to);
  std::uint64_t cookie = 0;
  socklen_t length = sizeof cookie;
  getsockopt(socket.get(), SOL_SOCKET, SO_COOKIE, &cookie, &length);
  const auto link = open_agent(agent.socket);
  if (!link) return is_virtual ? std::nullopt : std::optional(to);
  const auto answer =
      ask_agent_on(*link, make_question(CULVERT_ASK_DATAGRAMS, cookie, to), kAgentLimit);
  if (!is_virtual && (!answer || answer->verdict == CULVERT_NOT_OURS)) return to;
  if (!answer || answer->verdict != CULVERT_HOLD) return std::nullopt;
  return SocketAddress{address_of(*answer), answer->port};
}

OutwardDial::OutwardDial(loop::Loop& loop, const AgentFacts& agent, const SocketAddress& to,
                         Listener& listener)
    : Deferred(loop), agent_(agent), listener_(listener) {
  fd_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  error_ = fd_ ? start(outward_target(agent, to)) : errno;
  if (error_ != EINPROGRESS) {
    schedule();
    return;
  }
  watch_.emplace(loop, fd_.get(), static_cast<loop::FdWatch::Listener&>(*this));
  watch_->start(/*readable=*/false, /*writable=*/true);
}

int OutwardDial::start(const SocketAddress& to) {
  const bool is_server = agent_.name_server && to.ip == agent_.name_server->ip;
  const bool is_virtual = agent_.pool.contains(to.ip) && !is_server;
  if (is_virtual || agent_.may_forward(to.ip)) return start_held(to);
  return start_plain(to);
}

int OutwardDial::start_plain(const SocketAddress& to) { return connect_to(fd_.get(), to); }

int OutwardDial::start_held(const SocketAddress& to) {
  socklen_t length = sizeof cookie_;
  getsockopt(fd_.get(), SOL_SOCKET, SO_COOKIE, &cookie_, &length);
  auto question = make_question(CULVERT_ASK_CONNECT, cookie_, to);
  const auto link = open_agent(agent_.socket);
  const bool is_virtual = agent_.pool.contains(to.ip);
  const auto answer = link ? ask_agent_on(*link, question, kAgentLimit)
                           : Result<culvert_answer_packet>(fail(link.error()));
  if (!answer) return is_virtual ? ECONNREFUSED : start_plain(to);  // fails closed, as the shim
  if (answer->verdict == CULVERT_NOT_OURS) return is_virtual ? ECONNREFUSED : start_plain(to);
  if (answer->verdict != CULVERT_HOLD) return answer->error > 0 ? answer->error : ECONNREFUSED;
  held_ = true;
  loop::tune_local_leg(fd_.get());
  const int error = connect_to(fd_.get(), {address_of(*answer), answer->port});
  if (error != 0 && error != EINPROGRESS) return error;
  tell_agent_on(*link,
                make_question(CULVERT_TELL_CONNECTING, cookie_, loop::local_address(fd_.get())));
  return error;
}

void OutwardDial::on_fd_ready(loop::FdWatch&, bool, bool) {
  socklen_t length = sizeof error_;
  if (getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error_, &length) != 0) error_ = errno;
  watch_.reset();
  if (error_ != 0 && held_) {  // where the agent could not make the kernel say the true one
    const auto link = open_agent(agent_.socket);
    const auto answer =
        link ? ask_agent_on(*link, make_question(CULVERT_ASK_ERROR, cookie_, {}), kAgentLimit)
             : Result<culvert_answer_packet>(fail(link.error()));
    if (answer && answer->verdict == CULVERT_FOUND && answer->error > 0) error_ = answer->error;
  }
  run_deferred();
}

void OutwardDial::run_deferred() {
  if (error_ != 0) fd_.reset();
  listener_.on_dialled_out(*this, std::move(fd_), error_);
}

}  // namespace culvert::agent
