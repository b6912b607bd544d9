#include "agent/enclosed_connect.h"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>

#include "agent/enclosure_network.h"
#include "agent/program_join.h"
#include "tunnel/loop/tcp_socket.h"

namespace culvert::agent {

namespace {

// A server inside that listens on every address has its port of `address` as well, and programs
// that call the port that they listen on are many (clusters, file synchronisers). The kernel lets
// only a socket in repair bind it beside that one (inet_csk_get_port(), SK_FORCE_REUSE).
bool bind_beside_listener(const UniqueFd& fd, const sockaddr_storage& address, socklen_t length) {
  const auto* const at = reinterpret_cast<const sockaddr*>(&address);
  if (::bind(fd.get(), at, length) == 0) return true;
  constexpr int kOn = 1;
  constexpr int kOff = TCP_REPAIR_OFF_NO_WP;
  if (errno != EADDRINUSE || setsockopt(fd.get(), IPPROTO_TCP, TCP_REPAIR, &kOn, sizeof kOn) != 0)
    return false;
  const bool bound = ::bind(fd.get(), at, length) == 0;
  const bool whole = setsockopt(fd.get(), IPPROTO_TCP, TCP_REPAIR, &kOff, sizeof kOff) == 0;
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &kOn, sizeof kOn);  // repair has taken it away
  return bound && whole;
}

}  // namespace

// Any address is at home inside, and may be bound; the mark lets our SYN through.
UniqueFd open_inside(const SocketAddress& to, const SocketAddress& from) {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return fd;
  const int on = 1;
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  setsockopt(fd.get(), IPPROTO_IP, IP_TRANSPARENT, &on, sizeof on);
  setsockopt(fd.get(), SOL_SOCKET, SO_MARK, &kPorterMark, sizeof kPorterMark);
  loop::tune_local_leg(fd.get());
  sockaddr_storage address{};
  auto length = from.fill(address);
  if (!bind_beside_listener(fd, address, length)) return UniqueFd{};
  length = to.fill(address);
  if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), length) != 0 &&
      errno != EINPROGRESS)
    return UniqueFd{};
  return fd;
}

EnclosedConnect::EnclosedConnect(loop::Loop& loop, const AgentFacts& agent, EnclosedSide& inside,
                                 const SeenSyn& syn, std::uint64_t cookie, Listener& listener)
    : loop_(loop),
      inside_(inside),
      syn_(syn),
      cookie_(cookie),
      listener_(listener),
      dial_(loop, agent, syn.to, static_cast<OutwardDial::Listener&>(*this)) {}

bool EnclosedConnect::is_answered_inside(EnclosedSide& inside, const IpPrefix& pool,
                                         const SeenSyn& syn) {
  if (pool.contains(syn.to.ip)) return false;
  const auto socket = inside.diag->find_any(Protocol::kTcp, syn.to, syn.program);
  if (!socket || socket->state != TCP_LISTEN) return false;
  return socket->local.ip == syn.to.ip || syn.to.ip.is_loopback() ||
         syn.to.ip == inside.own_address;
}

std::optional<std::uint64_t> EnclosedConnect::waiting_socket(EnclosedSide& inside,
                                                             const SeenSyn& syn) {
  const auto socket = inside.diag->find_any(Protocol::kTcp, syn.program, syn.to);
  if (!socket || socket->state != TCP_SYN_SENT || socket->remote != syn.to) return std::nullopt;
  return socket->cookie;
}

void EnclosedConnect::on_dialled_out(OutwardDial&, UniqueFd fd, int error) {
  if (!still_waits()) return listener_.on_enclosed_connect_ended(*this);  // the program gave up
  far_ = std::move(fd);
  if (error != 0) return refuse(error);
  join();
}

void EnclosedConnect::join() {
  ours_ = inside_.thread.make([&] { return open_inside(syn_.program, syn_.to); });
  if (!ours_) return listener_.on_enclosed_connect_ended(*this);
  watch_.emplace(loop_, ours_.get(), static_cast<loop::FdWatch::Listener&>(*this));
  watch_->start(/*readable=*/false, /*writable=*/true);  // mostly at once
}

void EnclosedConnect::on_fd_ready(loop::FdWatch&, bool, bool) {
  const int error = join_outcome(ours_, syn_.program);
  if (error == EALREADY) return;
  watch_.reset();
  if (error != 0) return listener_.on_enclosed_connect_ended(*this);
  listener_.on_enclosed_connected(*this, std::move(ours_), std::move(far_));
}

// ETIMEDOUT has no packet. Where our own SYN timer ran out, the program's does just now; what an
// agent has given up is said in the nearest words there are.
void EnclosedConnect::refuse(int error) {
  const HeldSyn syn{syn_.program, syn_.to, syn_.sequence};
  ByteVector packet;
  if (error == EHOSTUNREACH || (error == ETIMEDOUT && dial_.to_agent()))
    packet = make_unreachable(syn, IcmpUnreachable::kHost);
  else if (error == ENETUNREACH)
    packet = make_unreachable(syn, IcmpUnreachable::kNetwork);
  else if (error != ETIMEDOUT)
    packet = make_reset(syn);
  // Linux drops an ICMP error for a socket that its program is just inside a system call with.
  for (int again = 0; !packet.empty() && again < 4 && (again == 0 || still_waits()); ++again)
    inside_.refusal->send(syn.program.ip, packet);
  listener_.on_enclosed_connect_ended(*this);
}

}  // namespace culvert::agent
