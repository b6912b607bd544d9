#include "agent/enclosed_listeners.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <array>
#include <cerrno>
#include <tuple>

#include "agent/call_filter.h"
#include "tunnel/base/log.h"
#include "tunnel/loop/local_address.h"

namespace culvert::agent {
namespace {

int option_of(const UniqueFd& socket, int option) {
  int value = -1;
  socklen_t length = sizeof value;
  return getsockopt(socket.get(), SOL_SOCKET, option, &value, &length) == 0 ? value : -1;
}

bool is_internet(const UniqueFd& socket, int type) {
  const int domain = option_of(socket, SO_DOMAIN);
  return (domain == AF_INET || domain == AF_INET6) && option_of(socket, SO_TYPE) == type;
}

std::uint64_t cookie_of(const UniqueFd& socket) {
  std::uint64_t cookie = 0;
  socklen_t length = sizeof cookie;
  getsockopt(socket.get(), SOL_SOCKET, SO_COOKIE, &cookie, &length);
  return cookie;
}

}  // namespace

Result<UniqueFd> EnclosedListeners::watch_calls() {
  constexpr std::array kCalls{ChosenCall{SYS_listen}, ChosenCall{SYS_bind}};
  return install_call_filter(kCalls);
}

EnclosedListeners::EnclosedListeners(loop::Loop& loop, const AgentFacts& agent,
                                     EnclosedSide& inside, UniqueFd supervisor, Listener& listener)
    : loop_(loop),
      agent_(agent),
      inside_(inside),
      listener_(listener),
      look_again_(loop, *this),
      supervisor_(std::move(supervisor)) {
  inside_.thread.run([&] {
    watch_.emplace(loop_, static_cast<ListenerWatch::Listener&>(*this));
    udp_watch_.emplace(loop_, static_cast<ListenerWatch::Listener&>(*this), Protocol::kUdp);
  });
  calls_.emplace(loop_, supervisor_.get(), static_cast<loop::FdWatch::Listener&>(*this));
  calls_->start(/*readable=*/true, /*writable=*/false);
}

void EnclosedListeners::on_fd_ready(loop::FdWatch&, bool, bool) {
  pollfd look{supervisor_.get(), POLLIN, 0};
  if (::poll(&look, 1, 0) <= 0) return;
  if ((look.revents & POLLIN) == 0) return calls_.reset();  // all of its processes have ended
  const auto call = NotifiedCall::receive(supervisor_.get());
  if (call) call->number() == SYS_listen ? on_listen(*call) : on_bind(*call);
}

// Of an AF_UNIX socket, listen() notes whose it is: the program has to do that itself.
void EnclosedListeners::on_listen(const NotifiedCall& call) {
  const auto socket = call.descriptor();
  if (!socket || !is_internet(socket, SOCK_STREAM)) return call.let_run();
  if (::listen(socket.get(), call.int_argument(1)) != 0) {
    call.answer(-errno);
    return;
  }
  add(watch_, socket, call.process());  // before the program can go on: as the shim does it
  call.answer(0);
}

// Whether a program asks for a port that the kernel has chosen is not seen. Low ones are bound by
// the program itself, whose rights decide, and looked for then.
void EnclosedListeners::on_bind(const NotifiedCall& call) {
  sockaddr_storage address{};
  const auto length = call.argument(2);
  const bool whole = length >= sizeof(sockaddr_in) && length <= sizeof address &&
                     call.read(call.argument(1), &address, length) &&
                     (address.ss_family == AF_INET || address.ss_family == AF_INET6);
  if (!whole) return call.let_run();
  const auto at = SocketAddress::from(reinterpret_cast<sockaddr*>(&address));
  const bool kernel_chooses = at.port == 0;
  if (kernel_chooses && !agent_.publishes_all) return call.let_run();
  auto socket = call.descriptor();
  if (!socket || !is_internet(socket, SOCK_DGRAM)) return call.let_run();
  const auto program = call.process();
  if (at.port >= IPPORT_RESERVED || kernel_chooses) {
    const int result =
        ::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), static_cast<socklen_t>(length));
    const int error = errno;
    if (result == 0) add(udp_watch_, socket, program, kernel_chooses);
    call.answer(result == 0 ? 0 : -error);
    return;
  }
  call.let_run();
  bindings_.push_back({std::move(socket), program});
  if (!look_again_.running()) look_again_.start(kLookAgain);
}

void EnclosedListeners::on_timer(loop::Timer&) {
  for (auto at = bindings_.begin(); at != bindings_.end();) {
    const bool bound = loop::local_address(at->socket.get()).port != 0;
    if (bound) add(udp_watch_, at->socket, at->program);
    at = bound || ++at->looked == kLooks ? bindings_.erase(at) : std::next(at);
  }
  if (!bindings_.empty()) look_again_.start(kLookAgain);
}

void EnclosedListeners::add(std::optional<ListenerWatch>& to, const UniqueFd& socket, pid_t program,
                            bool kernel_chose) {
  WatchedListener told{cookie_of(socket), {program, /*uid=*/0}};
  told.kernel_chose = kernel_chose;
  if (kernel_chose) told.said = loop::local_address(socket.get());  // there may be many
  found_.reset();
  inside_.thread.run([&] { to->add(told); });
  if (found_ && !found_->v6_only) stand_in_for(*found_);
}

void EnclosedListeners::on_listener_found(const ProgramListener& listener) { found_ = listener; }

void EnclosedListeners::stand_in_for(const ProgramListener& listener) {
  auto bound = listener.local;
  bound.ip = bound.ip.canonical();
  if (bound.ip == IpAddress::v6({})) bound.ip = IpAddress::v4(0);
  if (!bound.ip.is_v4()) return;  // cannot be called (agent/inbound_dial.h)
  if (listener.protocol == Protocol::kTcp) return stand_in_for_listener(listener, bound);
  stand_in_for_server(listener, bound);
}

void EnclosedListeners::stand_in_for_listener(const ProgramListener& listener,
                                              const SocketAddress& bound) {
  auto& made = stand_ins_
                   .emplace(std::piecewise_construct, std::forward_as_tuple(listener.cookie),
                            std::forward_as_tuple(loop_, inside_, bound,
                                                  static_cast<StandInListener::Listener&>(*this)))
                   .first->second;
  auto outcome = made.start();
  if (outcome) outcome = tell(CULVERT_TELL_LISTENING, made.cookie(), bound, made.token(), listener);
  if (outcome) return;
  log::warning("listen", {{"event", "not-published"}, {"why", outcome.error().detail}});
  stand_ins_.erase(listener.cookie);
}

void EnclosedListeners::stand_in_for_server(const ProgramListener& listener,
                                            const SocketAddress& bound) {
  if (const auto known = udp_stand_ins_.find(bound); known != udp_stand_ins_.end()) {
    known->second.sockets.insert(listener.cookie);
    return;
  }
  auto made = std::make_unique<StandInDatagrams>(loop_, inside_, bound, agent_.pool);
  auto outcome = made->start();
  if (outcome)
    outcome =
        tell(CULVERT_TELL_BOUND, made->cookie(), bound, std::string(kTokenSize, '-'), listener);
  if (!outcome)
    return log::warning("listen", {{"event", "not-published"}, {"why", outcome.error().detail}});
  udp_stand_ins_.emplace(bound, SharedStandIn{std::move(made), {listener.cookie}});
}

Result<void> EnclosedListeners::tell(culvert_question kind, std::uint64_t cookie,
                                     const SocketAddress& bound, const std::string& token,
                                     const ProgramListener& of) {
  const auto link = open_agent(agent_.socket);
  if (!link) return fail(link.error());
  auto told = make_question(kind, cookie, bound);
  const auto program = static_cast<std::uint32_t>(of.asker.pid);
  told.flags = CULVERT_STANDS_IN | program << CULVERT_PROGRAM_SHIFT;
  if (of.kernel_chose) told.flags |= CULVERT_KERNEL_CHOSE;
  token.copy(&told.name[0], kTokenSize);
  constexpr std::chrono::seconds kLimit{5};
  if (const auto answer = ask_agent_on(*link, told, kLimit); !answer) return fail(answer.error());
  return {};
}

void EnclosedListeners::on_listener_gone(const ProgramListener& listener) {
  // Which the agent sees.
  stand_ins_.erase(listener.cookie);
  for (auto& [bound, shared] : udp_stand_ins_) shared.sockets.erase(listener.cookie);
  std::erase_if(udp_stand_ins_, [](const auto& entry) { return entry.second.sockets.empty(); });
}

void EnclosedListeners::on_called(UniqueFd program, UniqueFd caller) {
  listener_.on_program_called(std::move(program), std::move(caller));
}

}  // namespace culvert::agent
