#include "agent/udp_place.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "tunnel/loop/local_address.h"

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

}  // namespace

UdpPlace::UdpPlace(const OwnEndpoint& self) : self_(self), timer_(self.loop, *this) {}

UdpPlace::~UdpPlace() = default;

Result<void> UdpPlace::open(std::uint16_t port) {
  auto fd = bind_at(port);
  if (!fd) return fail(fd.error());
  local_ = loop::local_address(fd->get());
  socket_.emplace(self_.loop, std::move(*fd), static_cast<loop::UdpSocket::Listener&>(*this));
  return {};
}

std::unique_ptr<loop::UdpSocket> UdpPlace::make_socket() {
  auto fd = bind_at(0);
  if (!fd) return nullptr;
  return std::make_unique<loop::UdpSocket>(self_.loop, std::move(*fd),
                                           static_cast<loop::UdpSocket::Listener&>(*this));
}

bool UdpPlace::set_servers(const std::vector<SocketAddress>& servers) {
  std::vector<SocketAddress> usable;
  std::ranges::copy_if(servers, std::back_inserter(usable),
                       [](const SocketAddress& one) { return one.ip.is_v4() && one.port != 0; });
  if (usable == servers_) return false;
  servers_ = std::move(usable);
  return true;
}

void UdpPlace::forget_sight() {
  allocation_ = {};
  last_ = {};
  surveying_more_ = false;
  further_.clear();
  if (std::exchange(survey_, std::nullopt)) begin();
}

void UdpPlace::look(Waiter& waiter) {
  if (std::ranges::find(waiting_, &waiter) == waiting_.end()) waiting_.push_back(&waiter);
  if (!survey_) begin();
}

void UdpPlace::begin() {
  std::vector<stun::Survey::Question> questions;
  if (!servers_.empty() && socket_) {
    const auto& first = servers_.front();
    auto other =
        std::ranges::find_if(servers_, [&](const auto& one) { return one.ip != first.ip; });
    if (other == servers_.end()) other = servers_.end() - 1;
    questions.push_back({0, first});
    if (*other != first) questions.push_back({0, *other});
    // Of a sequence the newest port is wanted: a socket that has no mapping yet gets it.
    if (allocation_.kind == control::Allocation::Kind::kSequential)
      if (auto fresh = make_socket()) {
        further_.push_back(std::move(fresh));
        for (std::size_t i = 0, count = questions.size(); i < count; ++i)
          questions.push_back({1, questions[i].server});
      }
  }
  sight_ = {};
  ask(std::move(questions));
}

void UdpPlace::ask(std::vector<stun::Survey::Question> questions) {
  survey_.emplace(std::move(questions), self_.random);
  timer_.start(Duration::zero());
}

void UdpPlace::survey_more() {
  std::vector<stun::Survey::Question> questions;
  for (std::size_t i = 0; i < kSurveyed; ++i) {
    auto fresh = make_socket();
    if (!fresh) break;
    further_.push_back(std::move(fresh));
    for (const auto& server : servers_) questions.push_back({i + 1, server});
  }
  surveying_more_ = true;
  ask(std::move(questions));
}

void UdpPlace::forget(const Waiter& waiter) { std::erase(waiting_, &waiter); }

void UdpPlace::on_timer(loop::Timer&) {
  if (survey_) go_on();
}

void UdpPlace::go_on() {
  while (const auto one = survey_->next(self_.loop.now())) {
    const auto& question = survey_->questions()[one->question];
    const auto* const socket =
        question.socket == 0 ? shared() : further_[question.socket - 1].get();
    if (socket != nullptr) send_packets(socket->fd(), question.server, {one->message});
  }
  if (const auto due = survey_->next_deadline())
    return timer_.start(std::max(*due - self_.loop.now(), Duration::zero()));
  timer_.stop();
  const auto survey = std::exchange(survey_, std::nullopt);
  further_.clear();
  std::vector<punch::Observation> seen, of_shared;
  for (std::size_t i = 0; i < survey->mapped().size(); ++i) {
    const auto& mapped = survey->mapped()[i];
    if (!mapped) continue;
    const auto socket = survey->questions()[i].socket;
    seen.push_back({socket, mapped->port});
    if (socket != 0) continue;
    of_shared.push_back(seen.back());
    if (!sight_.mapped) sight_.mapped = mapped;
  }
  if (std::exchange(surveying_more_, false)) {
    allocation_ = punch::allocation_of(seen);
    return conclude(allocation_.newest);
  }
  sight_.asked = !survey->questions().empty();
  const auto plain = punch::allocation_of(of_shared);
  if (plain.kind == control::Allocation::Kind::kSame)
    allocation_ = plain;
  else if (of_shared.size() > 1 && (allocation_.kind == control::Allocation::Kind::kUnknown ||
                                    allocation_.kind == control::Allocation::Kind::kSame))
    return survey_more();
  conclude(seen.empty() ? std::uint16_t{0} : seen.back().port);
}

void UdpPlace::conclude(std::uint16_t newest) {
  allocation_.newest = newest;
  sight_.allocation = allocation_;
  last_ = sight_;
  for (auto* const waiter : std::exchange(waiting_, {})) waiter->on_udp_seen(sight_);
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
