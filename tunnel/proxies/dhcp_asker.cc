#include "tunnel/proxies/dhcp_asker.h"

#include <sys/socket.h>

#include <array>

namespace culvert::proxies {
namespace {

// Bound to the own address: broadcasts then leave by its interface, and nobody else's arrive.
UniqueFd open_socket(const IpAddress& own) {
  UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int yes = 1;
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);  // beside a DHCP client
  setsockopt(fd.get(), SOL_SOCKET, SO_BROADCAST, &yes, sizeof yes);
  for (const std::uint16_t port : {kDhcpClientPort, std::uint16_t{0}}) {
    sockaddr_storage at{};
    const auto size = SocketAddress{own, port}.fill(at);
    if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&at), size) == 0) return fd;
  }
  return {};
}

}  // namespace

DhcpAsker::DhcpAsker(loop::Loop& loop, const DhcpInform& question, const IpAddress& gateway,
                     Listener& listener)
    : question_(question),
      gateway_(gateway),
      listener_(listener),
      fd_(open_socket(question.own)),
      timer_(loop, *this) {
  if (!fd_) {
    timer_.start(kLimit);
    return;
  }
  watch_.emplace(loop, fd_.get(), static_cast<loop::FdWatch::Listener&>(*this));
  watch_->start(/*readable=*/true, /*writable=*/false);
  ask();
}

void DhcpAsker::ask() {
  ++asked_;
  const auto packet = encode(question_);
  for (const auto& server : {gateway_, IpAddress::v4(0xffffffff)}) {
    sockaddr_storage to{};
    const auto size = SocketAddress{server, kDhcpServerPort}.fill(to);
    (void)::sendto(fd_.get(), packet.data(), packet.size(), MSG_NOSIGNAL,
                   reinterpret_cast<sockaddr*>(&to), size);
  }
  timer_.start(kRepeat);
}

void DhcpAsker::on_timer(loop::Timer&) {
  if (fd_ && asked_ * kRepeat < kLimit) return ask();
  listener_.on_dhcp_answer(*this, nullptr, {});
}

void DhcpAsker::on_fd_ready(loop::FdWatch&, bool, bool) {
  std::array<std::byte, 2048> packet;
  sockaddr_storage from{};
  socklen_t size = sizeof from;
  const auto got = ::recvfrom(fd_.get(), packet.data(), packet.size(), 0,
                              reinterpret_cast<sockaddr*>(&from), &size);
  if (got <= 0) return;
  const auto answer =
      decode_dhcp_answer(Bytes{packet}.first(static_cast<std::size_t>(got)), question_.transaction);
  if (!answer) return;  // somebody else's
  timer_.stop();
  watch_->stop();
  listener_.on_dhcp_answer(*this, &*answer,
                           SocketAddress::from(reinterpret_cast<sockaddr*>(&from)).ip);
}

}  // namespace culvert::proxies
