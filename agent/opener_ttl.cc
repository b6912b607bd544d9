#include "agent/opener_ttl.h"

#include <linux/errqueue.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <sys/socket.h>

#include <algorithm>

#include "tunnel/loop/local_address.h"

namespace culvert::agent {
namespace {

UniqueFd make_dying_socket(int hops) {
  UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int on = 1;
  if (!fd || ::setsockopt(fd.get(), IPPROTO_IP, IP_TTL, &hops, sizeof hops) != 0 ||
      ::setsockopt(fd.get(), IPPROTO_IP, IP_RECVERR, &on, sizeof on) != 0)
    return {};
  return fd;
}

// Who said that the packet died on the way; nothing: no such message is waiting.
std::optional<IpAddress> take_offender(int fd) {
  alignas(cmsghdr) char control[512];
  msghdr message{};
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  if (::recvmsg(fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) return std::nullopt;
  for (auto* one = CMSG_FIRSTHDR(&message); one != nullptr; one = CMSG_NXTHDR(&message, one)) {
    if (one->cmsg_level != IPPROTO_IP || one->cmsg_type != IP_RECVERR) continue;
    auto* const error = reinterpret_cast<sock_extended_err*>(CMSG_DATA(one));
    if (error->ee_origin != SO_EE_ORIGIN_ICMP || error->ee_type != ICMP_TIME_EXCEEDED) continue;
    return SocketAddress::from(SO_EE_OFFENDER(error)).ip;
  }
  return std::nullopt;
}

}  // namespace

void OpenerTtl::look(const SocketAddress& server) {
  ttl_.reset();
  const auto own = loop::own_address_towards(server.ip);
  own_is_public_ = own && own->is_global();
  sockaddr_storage to{};
  const auto length = server.fill(to);
  for (int hops = 1; hops <= kMostHops; ++hops) {
    auto& hop = hops_[static_cast<std::size_t>(hops - 1)];
    hop.watch.reset();
    hop.router.reset();
    hop.fd = make_dying_socket(hops);
    if (!hop.fd) continue;
    hop.watch.emplace(self_.loop, hop.fd.get(), static_cast<loop::FdWatch::Listener&>(*this));
    hop.watch->start(/*readable=*/true, /*writable=*/false);
    (void)::sendto(hop.fd.get(), "", 0, MSG_NOSIGNAL, reinterpret_cast<sockaddr*>(&to), length);
  }
  timer_.start(kLimit);
}

void OpenerTtl::on_fd_ready(loop::FdWatch& watch, bool, bool) {
  for (auto& hop : hops_) {
    if (!hop.watch || &*hop.watch != &watch) continue;
    hop.router = take_offender(hop.fd.get());
    hop.watch->stop_and_close(hop.fd);  // one message is all that it was for
    return;
  }
}

void OpenerTtl::on_timer(loop::Timer&) {
  for (auto& hop : hops_) {
    hop.watch.reset();
    hop.fd.reset();
  }
  const auto first = std::ranges::find_if(
      hops_, [](const Hop& hop) { return hop.router && hop.router->is_global(); });
  if (first == hops_.end()) return;
  const bool beyond = own_is_public_ && first + 1 != hops_.end() && (first + 1)->router;
  ttl_ = static_cast<int>(first - hops_.begin()) + (beyond ? 2 : 1);
}

}  // namespace culvert::agent
