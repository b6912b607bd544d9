#include "agent/supervised_calls.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "agent/program_message.h"
#include "agent/program_socket.h"

namespace culvert::agent {
namespace {

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

constexpr std::array kChosen{
    ChosenCall{.number = SYS_socket, .argument = 2, .value = IPPROTO_MPTCP},
    ChosenCall{.number = SYS_connect},
    ChosenCall{.number = SYS_sendto, .unless_null = 4},
    ChosenCall{.number = SYS_sendmsg},
    ChosenCall{.number = SYS_sendmmsg},
    ChosenCall{.number = SYS_recvfrom, .unless_null = 4},
    ChosenCall{.number = SYS_recvmsg},
    ChosenCall{.number = SYS_recvmmsg},
    ChosenCall{.number = SYS_getpeername},
    ChosenCall{.number = SYS_getsockopt, .argument = 2, .value = SO_ERROR},
    ChosenCall{.number = SYS_bind},
    ChosenCall{.number = SYS_listen},
    ChosenCall{.number = SYS_io_uring_setup, .refused_with = ENOSYS},  // nobody sees its calls
};

const sockaddr* as_sockaddr(const ProgramAddress& address) {
  return reinterpret_cast<const sockaddr*>(&address.storage);
}

constexpr int kLookAgainMs = 50;  // whether the program still waits
constexpr std::chrono::seconds kAgentLimit{5};

std::int64_t outcome(std::int64_t result) { return result < 0 ? -errno : result; }

// Not by the shim's getsockname(), which would tell the agent.
SocketAddress bound_address(const UniqueFd& socket) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  ::syscall(SYS_getsockname, socket.get(), &address, &length);
  return SocketAddress::from(reinterpret_cast<sockaddr*>(&address));
}

// Of this process: without it we may do no more than the program.
bool may_bind_low_ports() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> sets{};
  return ::syscall(SYS_capget, &header, sets.data()) != 0 ||
         (sets[0].effective >> CAP_NET_BIND_SERVICE & 1) != 0;
}

}  // namespace

std::span<const ChosenCall> SupervisedCalls::chosen() { return kChosen; }

void SupervisedCalls::carry_out(const NotifiedCall& call, Turn& turn) {
  if (const auto result = take_undelivered(call)) return finish(call, *result);
  switch (call.number()) {
    case SYS_socket: return open_multipath(call);
    case SYS_connect: return connect(call, turn);
    case SYS_sendto: return send_to(call, turn);
    case SYS_sendmsg: return send_message(call, turn);
    case SYS_sendmmsg: return send_messages(call, turn);
    case SYS_recvfrom: return receive_from(call, turn);
    case SYS_recvmsg: return receive_message(call, turn);
    case SYS_recvmmsg: return receive_messages(call, turn);
    case SYS_getpeername: return peer_name(call, turn);
    case SYS_getsockopt: return socket_error(call, turn);
    case SYS_bind: return bind(call, turn);
    case SYS_listen: return listen(call, turn);
    default: return call.let_run();
  }
}

void SupervisedCalls::finish(const NotifiedCall& call, std::int64_t result) {
  if (call.answer(result)) return;
  const std::lock_guard lock(mutex_);
  if (undelivered_.size() >= kMostUndelivered) undelivered_.pop_front();
  undelivered_.push_back({call, result, std::chrono::steady_clock::now() + kComesAgainWithin});
}

std::optional<std::int64_t> SupervisedCalls::take_undelivered(const NotifiedCall& call) {
  const std::lock_guard lock(mutex_);
  const auto now = std::chrono::steady_clock::now();
  std::erase_if(undelivered_, [&](const Undelivered& one) { return one.until <= now; });
  for (auto at = undelivered_.begin(); at != undelivered_.end(); ++at) {
    if (!at->call.same_as(call)) continue;
    const auto result = at->result;
    undelivered_.erase(at);
    return result;
  }
  return std::nullopt;
}

bool SupervisedCalls::concerns_us(const SocketAddress& to) const {
  return (to.ip.is_v4() && agent_.pool.contains(to.ip)) || agent_.may_forward(to.ip);
}

void SupervisedCalls::connect(const NotifiedCall& call, Turn& turn) {
  auto to = read_address(call, 1, 2);
  if (!to) return call.let_run();
  const bool asks_names = names_.is_name_server(to->value());
  if (!asks_names && !concerns_us(to->value())) return call.let_run();
  auto socket = call.descriptor();
  if (!socket && errno == EBADF) return call.let_run();
  if (!socket) {
    // Out of reach, perhaps: virtual addresses are nobody's but ours.
    return agent_.pool.contains(to->value().ip) ? finish(call, -ECONNREFUSED) : call.let_run();
  }
  if (!is_internet(socket)) return call.let_run();
  direct(socket, *to);
  turn.may_take_long();
  const auto result = connect_and_wait(call, socket, *to);
  socket.reset();
  if (result) finish(call, *result);
}

// A blocking connect is started like any other, and waited for here: so a signal interrupts it, and
// the end of the program, and it goes on by itself then, as natively. Nothing: nobody waits.
std::optional<std::int64_t> SupervisedCalls::connect_and_wait(const NotifiedCall& call,
                                                              const UniqueFd& socket,
                                                              const ProgramAddress& to) {
  const int flags = ::fcntl(socket.get(), F_GETFL);
  const bool waits = (flags & O_NONBLOCK) == 0 && option_of(socket, SO_TYPE) == SOCK_STREAM;
  const auto connect_now = [&] {
    if (waits) ::fcntl(socket.get(), F_SETFL, flags | O_NONBLOCK);
    const auto result = outcome(::connect(socket.get(), as_sockaddr(to), to.length));
    if (waits) ::fcntl(socket.get(), F_SETFL, flags);
    return result;
  };
  const auto started = connect_now();
  if (!waits || (started != -EINPROGRESS && started != -EALREADY)) return started;
  const auto deadline = deadline_of(socket, SO_SNDTIMEO);
  while (call.waits()) {
    pollfd look{socket.get(), POLLOUT, 0};
    if (::poll(&look, 1, kLookAgainMs) > 0) return connect_now();
    if (std::chrono::steady_clock::now() >= deadline) return started;
  }
  return std::nullopt;
}

// The hold completes no multipath connection.
void SupervisedCalls::open_multipath(const NotifiedCall& call) {
  const int type = call.int_argument(1);
  const UniqueFd socket(::socket(call.int_argument(0), type | SOCK_CLOEXEC, IPPROTO_TCP));
  if (!socket) return finish(call, -errno);
  if (!call.answer_with_descriptor(socket, (type & SOCK_CLOEXEC) != 0)) call.let_run();
}

void SupervisedCalls::peer_name(const NotifiedCall& call, Turn& turn) {
  const auto socket = call.descriptor();
  if (!socket || !is_internet(socket)) return call.let_run();
  ProgramAddress peer;
  peer.length = sizeof peer.storage;
  if (::syscall(SYS_getpeername, socket.get(), &peer.storage, &peer.length) != 0 ||
      !(agent_.pool.contains(peer.value().ip) || peer.value() == names_.agents()))
    return call.let_run();
  // The shim asks what it stands for, and which port was wanted.
  if (!agent_.forwarding.empty() || peer.value().port >= CULVERT_ELSEWHERE_FIRST)
    turn.may_take_long();
  peer.length = sizeof peer.storage;
  if (::getpeername(socket.get(), reinterpret_cast<sockaddr*>(&peer.storage), &peer.length) != 0)
    return finish(call, -errno);
  if (const auto asked = names_.asked_by(cookie_of(socket));
      asked && peer.is_internet() && peer.value() == *names_.agents())
    peer = *asked;
  finish(call, write_value(call, 1, 2, &peer.storage, peer.length) ? 0 : -EFAULT);
}

void SupervisedCalls::socket_error(const NotifiedCall& call, Turn& turn) {
  const auto socket = call.int_argument(1) == SOL_SOCKET ? call.descriptor() : UniqueFd{};
  if (!socket || !is_internet(socket)) return call.let_run();
  pollfd look{socket.get(), 0, 0};
  if (::poll(&look, 1, 0) > 0) turn.may_take_long();  // the shim asks for the true error
  int error = 0;
  socklen_t length = sizeof error;
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &length) != 0)
    return finish(call, -errno);
  const auto size = static_cast<socklen_t>(length);
  socklen_t offered = 0;
  const bool written =
      call.read(call.argument(4), &offered, sizeof offered) &&
      call.write(call.argument(3), &error, std::min(offered, size)) &&
      (offered = std::min(offered, size), call.write(call.argument(4), &offered, sizeof offered));
  finish(call, written ? 0 : -EFAULT);
}

culvert_question_packet SupervisedCalls::news(culvert_question kind, const NotifiedCall& call,
                                              const UniqueFd& socket, std::uint32_t flags) {
  auto local = bound_address(socket);
  local.ip = local.ip.canonical();
  if (!local.ip.is_v4()) local.ip = IpAddress::v4(0);  // the agent asks the kernel itself
  auto told = make_question(kind, cookie_of(socket), local);
  told.flags |= static_cast<std::uint32_t>(call.process()) << CULVERT_PROGRAM_SHIFT | flags;
  return told;
}

void SupervisedCalls::tell(const culvert_question_packet& told, Turn& turn) {
  if (!agent_.publishes) return;
  turn.may_take_long();
  if (const auto link = open_agent(agent_.socket)) (void)ask_agent_on(*link, told, kAgentLimit);
}

// The program's own rights and working directory decide about all others. Whoever has its answer
// may close the socket and bind another one to that port: no duplicate may be left then.
void SupervisedCalls::bind(const NotifiedCall& call, Turn& turn) {
  const auto at = read_address(call, 1, 2);
  if (!at || (at->value().port < IPPORT_RESERVED && at->value().port != 0 && may_bind_low_ports() &&
              !call.has_capability(CAP_NET_BIND_SERVICE)))
    return call.let_run();
  auto socket = call.descriptor();
  std::optional<std::int64_t> result;
  if (socket && is_internet(socket) && option_of(socket, SO_TYPE) == SOCK_DGRAM)
    result = at->value().port == 0 ? bind_anywhere(call, socket, *at, turn)
                                   : bind_somewhere(call, socket, *at, turn);
  socket.reset();
  return result ? finish(call, *result) : call.let_run();
}

std::int64_t SupervisedCalls::bind_somewhere(const NotifiedCall& call, const UniqueFd& socket,
                                             const ProgramAddress& at, Turn& turn) {
  auto result = ::syscall(SYS_bind, socket.get(), as_sockaddr(at), at.length);
  const bool everywhere = at.value().ip.canonical().is_unspecified();
  if (result != 0 && errno == EADDRINUSE && everywhere)
    result = bind_beside_agent(socket, at, turn);
  if (result != 0) return outcome(result);
  const AddressSharing shared(socket, everywhere);
  tell(news(CULVERT_TELL_BOUND, call, socket), turn);
  return 0;
}

// Whether the program asks for the port is not seen: getsockname() costs such programs nothing.
std::optional<std::int64_t> SupervisedCalls::bind_anywhere(const NotifiedCall& call,
                                                           const UniqueFd& socket,
                                                           const ProgramAddress& at, Turn& turn) {
  if (!agent_.publishes_all) return std::nullopt;
  const auto result = outcome(::syscall(SYS_bind, socket.get(), as_sockaddr(at), at.length));
  if (result == 0) tell(news(CULVERT_TELL_BOUND, call, socket, CULVERT_KERNEL_CHOSE), turn);
  return result;
}

// As the shim does it (shim/wire.h, CULVERT_ASK_TO_SHARE).
std::int64_t SupervisedCalls::bind_beside_agent(const UniqueFd& socket, const ProgramAddress& at,
                                                Turn& turn) {
  turn.may_take_long();
  auto question = make_question(CULVERT_ASK_TO_SHARE, 0, {IpAddress::v4(0), at.value().port});
  if (option_of(socket, SO_REUSEADDR) != 0 || option_of(socket, SO_REUSEPORT) != 0)
    question.flags = CULVERT_SHARES_ITSELF;
  const AddressSharing shared(socket, true);
  if (const auto link = open_agent(agent_.socket)) {
    const auto answer = ask_agent_on(*link, question, kAgentLimit);
    if (answer && answer->verdict == CULVERT_FOUND)
      return ::syscall(SYS_bind, socket.get(), as_sockaddr(at), at.length);
  }
  errno = EADDRINUSE;
  return -1;
}

void SupervisedCalls::listen(const NotifiedCall& call, Turn& turn) {
  auto socket = call.descriptor();
  if (!socket || !is_internet(socket)) return call.let_run();
  const auto result = outcome(::syscall(SYS_listen, socket.get(), call.int_argument(1)));
  const auto told = news(CULVERT_TELL_LISTENING, call, socket);
  socket.reset();
  finish(call, result);
  if (result == 0) tell(told, turn);
}

}  // namespace culvert::agent
