#include "agent/announcements.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include "tunnel/base/byte_codec.h"
#include "tunnel/portmap/mapping.h"
#include "tunnel/portmap/ssdp.h"
#include "tunnel/proxies/service_location.h"

namespace culvert::agent {
namespace {

UniqueFd open_socket(const IpAddress& own) {
  UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_storage at{};
  const auto size = SocketAddress{own, 0}.fill(at);
  const in_addr by = reinterpret_cast<const sockaddr_in*>(&at)->sin_addr;
  if (!fd || ::bind(fd.get(), reinterpret_cast<sockaddr*>(&at), size) != 0 ||
      ::setsockopt(fd.get(), IPPROTO_IP, IP_MULTICAST_IF, &by, sizeof by) != 0)
    return {};
  return fd;
}

}  // namespace

Announcements::Announcements(loop::Loop& loop, Random& random, const IpAddress& own,
                             Listener& listener)
    : listener_(listener), fd_(open_socket(own)), timer_(loop, *this) {
  std::array<std::byte, 2> number{};
  random.fill(number);
  transactions_ = {load_be<std::uint16_t>(number.data()), 0};
  transactions_[1] = static_cast<std::uint16_t>(transactions_[0] + 1);
  if (!fd_) {
    timer_.start(Duration::zero());
    return;
  }
  watch_.emplace(loop, fd_.get(), static_cast<loop::FdWatch::Listener&>(*this));
  watch_->start(/*readable=*/true, /*writable=*/false);
  ask();
}

void Announcements::send(Bytes packet, const SocketAddress& to) {
  sockaddr_storage address{};
  const auto size = to.fill(address);
  (void)::sendto(fd_.get(), packet.data(), packet.size(), MSG_NOSIGNAL,
                 reinterpret_cast<sockaddr*>(&address), size);
}

void Announcements::ask() {
  ++asked_;
  for (std::size_t i = 0; i < transactions_.size(); ++i)
    send(proxies::encode_service_request(proxies::kSlpTypes[i], transactions_[i]),
         {IpAddress::v4(proxies::kSlpGroup), proxies::kSlpPort});
  send(portmap::encode_igd_search(portmap::kSsdpGroup), {portmap::kSsdpGroup, portmap::kSsdpPort});
  timer_.start(kRepeat);
}

void Announcements::on_timer(loop::Timer&) {
  if (fd_ && asked_ * kRepeat < kLimit) return ask();
  listener_.on_announcements_ended();
}

void Announcements::on_fd_ready(loop::FdWatch&, bool, bool) {
  std::array<std::byte, 2048> packet;
  sockaddr_storage from{};
  socklen_t size = sizeof from;
  const auto got = ::recvfrom(fd_.get(), packet.data(), packet.size(), 0,
                              reinterpret_cast<sockaddr*>(&from), &size);
  if (got <= 0) return;
  if (++answers_ > kMostAnswers) return watch_->stop();
  take(Bytes{packet}.first(static_cast<std::size_t>(got)),
       SocketAddress::from(reinterpret_cast<sockaddr*>(&from)));
}

void Announcements::take(Bytes packet, const SocketAddress& from) {
  if (portmap::decode_igd_answer(packet, from.ip)) return listener_.on_gateway_announced(from.ip);
  for (const auto transaction : transactions_) {
    const auto urls = proxies::decode_service_reply(packet, transaction);
    if (!urls) continue;
    for (const auto& url : *urls)
      if (heard_.insert(url).second) listener_.on_proxy_announced(url, from.ip);
  }
}

}  // namespace culvert::agent
