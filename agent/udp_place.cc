#include "agent/udp_place.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace culvert::agent {
namespace {

constexpr std::uint8_t kLastOfStun = 3;  // first octet, RFC 7983

Result<UniqueFd> bind_at(std::uint16_t port) {
  auto fd = loop::make_udp_socket(AF_INET);
  sockaddr_storage address{};
  const SocketAddress at{IpAddress::v4(0), port};
  const auto length = at.fill(address);
  // Packets say how long they may be: one that does not pass shall get lost, not be cut.
  const int probe = IP_PMTUDISC_PROBE;
  if (fd) ::setsockopt(fd.get(), IPPROTO_IP, IP_MTU_DISCOVER, &probe, sizeof probe);
  if (!fd || ::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), length) != 0)
    return fail(from_errno(errno),
                "cannot bind " + at.to_string() + " (UDP): " + std::strerror(errno));
  return fd;
}

SocketAddress address_of(int fd) {
  sockaddr_storage at{};
  socklen_t size = sizeof at;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&at), &size) != 0) return {};
  return SocketAddress::from(reinterpret_cast<sockaddr*>(&at));
}

}  // namespace

UdpPlace::UdpPlace(const OwnEndpoint& self) : self_(self), timer_(self.loop, *this) {}

UdpPlace::~UdpPlace() = default;

Result<void> UdpPlace::open(std::uint16_t port) {
  auto fd = bind_at(port);
  if (!fd) return fail(fd.error());
  local_ = address_of(fd->get());
  socket_.emplace(self_.loop, std::move(*fd), static_cast<loop::UdpSocket::Listener&>(*this));
  return {};
}

std::unique_ptr<loop::UdpSocket> UdpPlace::make_socket() {
  auto fd = bind_at(0);
  if (!fd) return nullptr;
  return std::make_unique<loop::UdpSocket>(self_.loop, std::move(*fd),
                                           static_cast<loop::UdpSocket::Listener&>(*this));
}

void UdpPlace::set_servers(const std::vector<SocketAddress>& servers) {
  servers_.clear();
  std::ranges::copy_if(servers, std::back_inserter(servers_),
                       [](const SocketAddress& one) { return one.ip.is_v4() && one.port != 0; });
}

void UdpPlace::look(Waiter& waiter) {
  if (std::ranges::find(waiting_, &waiter) == waiting_.end()) waiting_.push_back(&waiter);
  if (survey_) return;
  std::vector<stun::Survey::Question> questions;
  if (!servers_.empty() && socket_) {
    questions.push_back({0, servers_.front()});
    const auto other = std::ranges::find_if(
        servers_, [&](const SocketAddress& one) { return one.ip != servers_.front().ip; });
    if (other != servers_.end()) questions.push_back({0, *other});
  }
  survey_.emplace(std::move(questions), self_.random);
  timer_.start(Duration::zero());
}

void UdpPlace::forget(const Waiter& waiter) { std::erase(waiting_, &waiter); }

void UdpPlace::on_timer(loop::Timer&) {
  if (survey_) go_on();
}

void UdpPlace::go_on() {
  while (const auto one = survey_->next(self_.loop.now())) {
    const auto& to = survey_->questions()[one->question].server;
    if (socket_) send_packets(socket_->fd(), to, {one->message});
  }
  if (const auto due = survey_->next_deadline())
    return timer_.start(std::max(*due - self_.loop.now(), Duration::zero()));
  timer_.stop();
  UdpSight sight;
  const auto& mapped = survey_->mapped();
  sight.asked = !mapped.empty();
  for (const auto& one : mapped)
    if (one && !sight.mapped) sight.mapped = one;
  using Kind = control::Allocation::Kind;
  if (mapped.size() == 2 && mapped[0] && mapped[0] == mapped[1])
    sight.allocation.kind = Kind::kSame;
  if (sight.mapped) sight.allocation.newest = sight.mapped->port;
  survey_.reset();
  for (auto* const waiter : std::exchange(waiting_, {})) waiter->on_udp_seen(sight);
}

void UdpPlace::on_received(loop::UdpSocket& socket, const SocketAddress& from, Bytes data,
                           std::size_t segment) {
  loop::for_each_datagram(data, segment, [&](Bytes one) { sort(socket, from, one); });
}

void UdpPlace::sort(loop::UdpSocket& socket, const SocketAddress& from, Bytes packet) {
  if (packet.empty()) return;
  if (std::to_integer<std::uint8_t>(packet[0]) <= kLastOfStun) {
    if (survey_ && survey_->receive(packet, from) && survey_->done())
      timer_.start(Duration::zero());
    return;
  }
  const auto name = path::name_of(packet);
  if (!name) return;
  const auto found = paths_.find(name->path);
  if (found == paths_.end()) return;
  auto& receiver = *found->second;
  if (name->type == path::PacketType::kSealed)
    receiver.on_path_packet(socket, from, packet);
  else
    receiver.on_opaque_packet(socket, from, packet.subspan(path::kOpaqueHeader));
  if (std::ranges::find(in_batch_, name->path) == in_batch_.end()) in_batch_.push_back(name->path);
}

void UdpPlace::on_batch_ended(loop::UdpSocket&) {
  for (const auto path : std::exchange(in_batch_, {}))
    if (const auto found = paths_.find(path); found != paths_.end())
      found->second->on_path_batch_ended();
}

void send_packets(int fd, const SocketAddress& to, const std::vector<Bytes>& packets) {
  loop::UdpWriter writer(fd, &to);
  for (const auto packet : packets) writer.add(packet);
}

}  // namespace culvert::agent
