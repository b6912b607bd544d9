#include "agent/porter.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "agent/companion.h"
#include "agent/descriptor_limit.h"
#include "agent/enclosure_network.h"

namespace culvert::agent {

Porter::Porter(loop::Loop& loop, AgentFacts agent)
    : loop_(loop),
      agent_(std::move(agent)),
      census_(loop, static_cast<EnclosureCensus::Listener&>(*this)) {}

Result<void> Porter::start(pid_t program, UniqueFd calls) {
  const auto path = "/proc/" + std::to_string(program) + "/ns/net";
  const UniqueFd network(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat facts {};
  if (!network || ::fstat(network.get(), &facts) != 0)
    return fail(from_errno(errno), "cannot open " + path + ": " + std::strerror(errno));
  CULVERT_RETURN_IF_ERROR(inside_.thread.enter(network.get()));
  Result<UniqueFd> syns;
  Result<Refusal> refusal;
  inside_.thread.run([&] {
    inside_.diag.emplace();
    inside_.own_address = usual_own_address();
    inside_.own_virtual = agent_.own_address.value_or(IpAddress::v4(INADDR_LOOPBACK));
    refusal = Refusal::open(kPorterMark);
    syns = open_syn_socket({IpAddress::v4(0), 0});
  });
  if (!refusal) return fail(refusal.error());
  if (!syns) return fail(syns.error());
  inside_.refusal.emplace(std::move(*refusal));
  syns_ = std::move(*syns);
  datagrams_.emplace(loop_, agent_, inside_);
  CULVERT_RETURN_IF_ERROR(datagrams_->start());
  if (calls)
    listeners_.emplace(loop_, agent_, inside_, std::move(calls),
                       static_cast<EnclosedListeners::Listener&>(*this));
  CULVERT_RETURN_IF_ERROR(census_.start(program, facts.st_ino));
  watch_.emplace(loop_, syns_.get(), static_cast<loop::FdWatch::Listener&>(*this));
  watch_->start(/*readable=*/true, /*writable=*/false);
  return {};
}

void Porter::on_fd_ready(loop::FdWatch&, bool, bool) {
  while (const auto syn = read_syn(syns_.get())) {
    const auto cookie = EnclosedConnect::waiting_socket(inside_, *syn);
    if (!cookie) continue;  // connected inside by now, or our own
    if (EnclosedConnect::is_answered_inside(inside_, agent_.pool, *syn)) continue;
    const EnclosedConnect::Key key{syn->program, syn->to};
    const auto known = connects_.find(key);
    if (known != connects_.end() && known->second->cookie() == *cookie) continue;  // repeated
    if (known != connects_.end()) connects_.erase(known);  // of a socket that is gone
    if (connects_.size() >= kMostConnects) continue;       // the program will send it again
    connects_.emplace(
        key, std::make_unique<EnclosedConnect>(loop_, agent_, inside_, *syn, *cookie,
                                               static_cast<EnclosedConnect::Listener&>(*this)));
  }
}

void Porter::on_enclosed_connected(EnclosedConnect& connect, UniqueFd program, UniqueFd far) {
  join(std::move(program), std::move(far));
  connects_.erase(connect.key());
}

void Porter::join(UniqueFd program, UniqueFd far) {
  auto near_end = std::make_unique<loop::TcpSocket>(loop_, std::move(program));
  auto far_end = std::make_unique<loop::TcpSocket>(loop_, std::move(far));
  auto circuit = std::make_unique<loop::Circuit>(
      loop::Circuit::Leg{std::move(near_end), {}}, loop::Circuit::Leg{std::move(far_end), {}},
      &pipes_, static_cast<loop::Circuit::Listener&>(*this));
  auto* const key = circuit.get();
  circuits_.emplace(key, std::move(circuit));
}

void Porter::on_enclosed_connect_ended(EnclosedConnect& connect) { connects_.erase(connect.key()); }

void Porter::on_circuit_ended(loop::Circuit& circuit) { circuits_.erase(&circuit); }

void run_porter(const AgentFacts& agent, pid_t program, UniqueFd command) {
  leave_everything(command, "culvert-porter");
  raise_descriptor_limit();
  UniqueFd calls;
  if (!hear_ready(command, calls)) ::_exit(0);  // it gave up
  {
    loop::Loop loop;
    Porter porter(loop, agent);
    const auto started = porter.start(program, std::move(calls));
    const std::string answer = started ? std::string(kCarrying) : started.error().detail;
    ::send(command.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
    command.reset();
    if (started) loop.run();
  }
  ::_exit(0);
}

}  // namespace culvert::agent
