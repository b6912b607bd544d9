#include "agent/passed_dial.h"

#include <cerrno>
#include <utility>

#include "tunnel/loop/local_address.h"

namespace culvert::agent {
namespace {

sockaddr_in6 as_mapped(const SocketAddress& address) {
  sockaddr_in6 out{};
  out.sin6_family = AF_INET6;
  out.sin6_port = htons(address.port);
  out.sin6_addr.s6_addr[10] = out.sin6_addr.s6_addr[11] = 0xff;
  std::copy_n(address.ip.octets().begin(), 4, out.sin6_addr.s6_addr + 12);
  return out;
}

bool bind_mapped(int fd, const SocketAddress& at) {
  const auto address = as_mapped(at);
  return ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

// An IPv6 socket, as the program's own accept() would return. Its port may be in use by what is
// connected there since an earlier call.
UniqueFd listen_at(const SocketAddress& at) {
  UniqueFd fd(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int on = 1, off = 0;
  setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const bool listens = bind_mapped(fd.get(), at) && ::listen(fd.get(), 8) == 0;
  return listens ? std::move(fd) : UniqueFd{};
}

}  // namespace

SocketAddress knocked_at(const SocketAddress& bound) {
  static const auto kLoopback = *IpAddress::parse("::1");
  return {bound.ip.is_unspecified() ? kLoopback : bound.ip, bound.port};
}

PassedDial::PassedDial(loop::Loop& loop, const SocketAddress& caller, const IpAddress& own,
                       const SocketAddress& bound, AcceptDesk& desk, Listener& listener)
    : loop_(loop), bound_(bound), desk_(desk), listener_(listener) {
  listening_ = listen_at({own, bound.port});
  if (!listening_) listening_ = listen_at({own, 0});
  auto to = loop::local_address(listening_.get());
  to.ip = to.ip.canonical();
  dial_.emplace(loop_, to, AcceptDesk::kLetInWithin, static_cast<loop::TcpDial::Listener&>(*this),
                caller, loop::TcpDial::FastOpen::kNo, loop::TcpDial::Port::kIfFree);
}

PassedDial::~PassedDial() { desk_.withdraw(*this); }

void PassedDial::on_dialled(loop::TcpDial&, UniqueFd fd, int error) {
  if (!fd) return listener_.on_passed_dialled({}, listening_ ? error : EMFILE);
  ours_ = std::move(fd);
  accept();
}

void PassedDial::accept() {
  for (;;) {
    UniqueFd program(::accept4(listening_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!program && errno == EAGAIN) break;
    if (!program) return listener_.on_passed_dialled({}, errno);
    // Anybody on this machine can connect there.
    const auto peer = loop::peer_address(program.get()), ours = loop::local_address(ours_.get());
    if (peer.port != ours.port || peer.ip.canonical() != ours.ip.canonical()) continue;
    watch_.reset();
    listening_.reset();
    if (desk_.size() >= AcceptDesk::kMost) return listener_.on_passed_dialled({}, ECONNREFUSED);
    return desk_.knock(knocked_at(bound_), std::move(program), *this);
  }
  if (watch_) return;
  watch_.emplace(loop_, listening_.get(), static_cast<loop::FdWatch::Listener&>(*this));
  watch_->start(/*readable=*/true, /*writable=*/false);
}

void PassedDial::on_let_in(int error) {
  listener_.on_passed_dialled(error == 0 ? std::move(ours_) : UniqueFd{}, error);
}

}  // namespace culvert::agent
