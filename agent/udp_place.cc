#include "agent/udp_place.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "tunnel/base/byte_codec.h"
#include "tunnel/loop/local_address.h"

namespace culvert::agent {
namespace {

constexpr std::uint8_t kLastOfStun = 3;  // first octet, RFC 7983

Result<UniqueFd> bind_at(std::uint16_t port, bool v4 = true) {
  auto fd = loop::make_udp_socket(v4 ? AF_INET : AF_INET6);
  sockaddr_storage address{};
  const SocketAddress at{v4 ? IpAddress::v4(0) : IpAddress::v6({}), port};
  const auto length = at.fill(address);
  // Packets say how long they may be: one that does not pass shall get lost, not be cut.
  if (fd && v4) {
    const int probe = IP_PMTUDISC_PROBE;
    ::setsockopt(fd.get(), IPPROTO_IP, IP_MTU_DISCOVER, &probe, sizeof probe);
  } else if (fd) {
    const int probe = IPV6_PMTUDISC_PROBE, on = 1;
    ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_MTU_DISCOVER, &probe, sizeof probe);
  }
  if (!fd || ::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), length) != 0)
    return fail(from_errno(errno),
                "cannot bind " + at.to_string() + " (UDP): " + std::strerror(errno));
  return fd;
}

// Asks the routing table; nothing is sent.
bool has_route(const SocketAddress& to) {
  const auto fd = loop::make_udp_socket(to.ip.is_v4() ? AF_INET : AF_INET6);
  sockaddr_storage address{};
  const auto length = to.fill(address);
  return fd && ::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), length) == 0;
}

}  // namespace

UdpPlace::UdpPlace(const OwnEndpoint& self)
    : self_(self), opener_(self), timer_(self.loop, *this) {}

UdpPlace::~UdpPlace() = default;

Result<void> UdpPlace::open(std::uint16_t port) {
  auto fd = bind_at(port);
  if (!fd) return fail(fd.error());
  local_ = loop::local_address(fd->get());
  socket_.emplace(self_.loop, std::move(*fd), static_cast<loop::UdpSocket::Listener&>(*this));
  auto six = bind_at(local_.port, /*v4=*/false);
  if (!six) six = bind_at(0, /*v4=*/false);
  if (!six) return {};  // no IPv6 here
  local_six_ = loop::local_address(six->get());
  socket_six_.emplace(self_.loop, std::move(*six), static_cast<loop::UdpSocket::Listener&>(*this));
  return {};
}

void UdpPlace::close() {
  socket_.reset();
  socket_six_.reset();
}

std::unique_ptr<loop::UdpSocket> UdpPlace::make_socket(bool v4) {
  auto fd = bind_at(0, v4);
  return fd ? wrap(std::move(*fd)) : nullptr;
}

std::unique_ptr<loop::UdpSocket> UdpPlace::wrap(UniqueFd fd) {
  return std::make_unique<loop::UdpSocket>(self_.loop, std::move(fd),
                                           static_cast<loop::UdpSocket::Listener&>(*this));
}

std::unique_ptr<loop::UdpSocket> UdpPlace::make_burst_socket() {
  return of_low_ports_ ? make_low_socket() : make_socket();
}

// Any free one, as bindresvport(3) takes them. Null: there is none, or no privilege for it.
std::unique_ptr<loop::UdpSocket> UdpPlace::make_low_socket() {
  constexpr unsigned count = kLastLow - kFirstLow + 1;
  std::array<std::byte, 2> drawn;
  self_.random.fill(drawn);
  for (unsigned i = 0; i < count; ++i) {
    const auto offset = (load_be<std::uint16_t>(drawn.data()) + i) % count;
    auto fd = bind_at(static_cast<std::uint16_t>(kFirstLow + offset));
    if (fd) return wrap(std::move(*fd));
    if (fd.error().code == ErrorCode::kNotPermitted) return nullptr;
  }
  return nullptr;
}

bool UdpPlace::set_servers(const std::vector<SocketAddress>& servers) {
  std::vector<SocketAddress> usable, usable_six;
  for (const auto& one : servers)
    if (one.port != 0) (one.ip.is_v4() ? usable : usable_six).push_back(one);
  if (usable == servers_ && usable_six == servers_six_) return false;
  servers_ = std::move(usable);
  servers_six_ = std::move(usable_six);
  return true;
}

std::optional<SocketAddress> UdpPlace::server_in_reach(bool v4) const {
  const auto& servers = v4 ? servers_ : servers_six_;
  if (servers.empty() || shared(v4) == nullptr || !has_route(servers.front())) return std::nullopt;
  return servers.front();
}

const SocketAddress& UdpPlace::first_server() const {
  if (servers_six_.empty() || (!servers_.empty() && has_route(servers_.front())))
    return servers_.front();
  return servers_six_.front();
}

std::vector<IpAddress> UdpPlace::server_addresses() const {
  std::vector<IpAddress> out;
  for (const auto* const family : {&servers_, &servers_six_})
    if (!family->empty()) out.push_back(family->front().ip);
  return out;
}

void UdpPlace::forget_sight() {
  allocation_ = {};
  last_ = {};
  seen_at_.reset();
  of_low_ports_ = false;
  stage_ = Stage::kShared;
  further_.clear();
  if (std::exchange(survey_, std::nullopt)) begin();
}

void UdpPlace::look(Waiter& waiter) {
  if (std::ranges::find(waiting_, &waiter) == waiting_.end()) waiting_.push_back(&waiter);
  if (!survey_) begin();
}

bool UdpPlace::is_fresh() const {
  return last_.mapped && last_.allocation.kind == control::Allocation::Kind::kSame && seen_at_ &&
         self_.loop.now() - *seen_at_ < kFresh;
}

void UdpPlace::prepare() {
  if (is_open() && has_servers() && !survey_ && !is_fresh()) begin();
}

void UdpPlace::look_unless_fresh(Waiter& waiter) {
  if (survey_ || !is_fresh()) return look(waiter);
  waiter.on_udp_seen(UdpSight{last_});
}

void UdpPlace::renew() {
  for (auto* const ear : ears_) ear->on_look();
}

void UdpPlace::begin() {
  std::vector<stun::Survey::Question> questions;
  renew();
  if (server_in_reach(/*v4=*/true)) {
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

void UdpPlace::survey_more(Stage stage) {
  std::vector<stun::Survey::Question> questions;
  for (std::size_t i = 0, most = stage == Stage::kFurther ? kSurveyed : kSurveyedSmall; i < most;
       ++i) {
    auto fresh = stage == Stage::kLow ? make_low_socket() : make_socket();
    if (!fresh) break;
    further_.push_back(std::move(fresh));
    for (const auto& server : servers_) questions.push_back({i + 1, server});
  }
  stage_ = stage;
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
    const auto server = std::ranges::find(servers_, survey->questions()[i].server);
    seen.push_back({socket, mapped->port, static_cast<std::size_t>(server - servers_.begin())});
    if (socket != 0) continue;
    of_shared.push_back(seen.back());
    if (!sight_.mapped) sight_.mapped = mapped;
  }
  if (stage_ != Stage::kShared) return survey_ended(seen);
  sight_.asked = !survey->questions().empty();
  const auto plain = punch::allocation_of(of_shared);
  if (plain.kind == control::Allocation::Kind::kSame)
    allocation_ = plain;
  else if (of_shared.size() > 1 && (allocation_.kind == control::Allocation::Kind::kUnknown ||
                                    allocation_.kind == control::Allocation::Kind::kSame))
    return survey_more(Stage::kFurther);
  conclude(seen.empty() ? std::uint16_t{0} : seen.back().port);
}

// What is known of further sockets, and whether more are to ask.
void UdpPlace::survey_ended(const std::vector<punch::Observation>& seen) {
  using Kind = control::Allocation::Kind;
  const auto stage = std::exchange(stage_, Stage::kShared);
  const auto found = punch::allocation_of(seen);
  const bool small =
      found.kind == Kind::kRange && found.last - found.first < int{punch::kSmallRange};
  of_low_ports_ = stage == Stage::kLow && small;
  if (stage != Stage::kLow || small) allocation_ = found;
  if (stage == Stage::kFurther && small) return survey_more(Stage::kSmall);
  if (stage == Stage::kFurther && (found.kind == Kind::kRange || found.kind == Kind::kRandom))
    return survey_more(Stage::kLow);
  conclude(found.newest);
}

void UdpPlace::conclude(std::uint16_t newest) {
  allocation_.newest = newest;
  sight_.allocation = allocation_;
  sight_.of_low_ports = of_low_ports_;
  last_ = sight_;
  seen_at_ = self_.loop.now();
  for (auto* const waiter : std::exchange(waiting_, {})) waiter->on_udp_seen(sight_);
}

void UdpPlace::on_received(loop::UdpSocket& socket, const SocketAddress& from, Bytes data,
                           std::size_t segment) {
  loop::for_each_datagram(data, segment, [&](Bytes one) { take(socket, from, one); });
}

void UdpPlace::take(const loop::UdpSocket& socket, const SocketAddress& from, Bytes packet) {
  if (packet.empty()) return;
  if (std::to_integer<std::uint8_t>(packet[0]) <= kLastOfStun) {
    for (auto* const ear : ears_)
      if (ear->on_stun(socket, from, packet)) return;
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

void UdpPlace::batch_ended() {
  for (const auto path : std::exchange(in_batch_, {}))
    if (const auto found = paths_.find(path); found != paths_.end())
      found->second->on_path_batch_ended();
}

void send_packets(int fd, const SocketAddress& to, const std::vector<Bytes>& packets) {
  loop::UdpWriter writer(fd, &to);
  for (const auto packet : packets) writer.add(packet);
}

void send_opener(int fd, const SocketAddress& to, Bytes packet, int ttl) {
  sockaddr_storage address{};
  const auto length = to.fill(address);
  iovec piece{const_cast<std::byte*>(packet.data()), packet.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof ttl)] = {};
  msghdr message{};
  message.msg_name = &address;
  message.msg_namelen = length;
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  auto* const one = CMSG_FIRSTHDR(&message);
  one->cmsg_level = IPPROTO_IP;
  one->cmsg_type = IP_TTL;
  one->cmsg_len = CMSG_LEN(sizeof ttl);
  std::memcpy(CMSG_DATA(one), &ttl, sizeof ttl);
  (void)::sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

}  // namespace culvert::agent
