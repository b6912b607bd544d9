#include "agent/enclosed_datagrams.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "agent/datagram_errors.h"
#include "agent/enclosure_network.h"
#include "agent/ip_packet.h"
#include "agent/transparent_udp.h"

namespace culvert::agent {
namespace {

constexpr std::uint16_t kNamePort = 53;

UniqueFd udp_socket() {
  return UniqueFd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

UniqueFd transparent_socket() {
  auto fd = make_transparent_udp();
  if (fd) setsockopt(fd.get(), SOL_SOCKET, SO_MARK, &kPorterMark, sizeof kPorterMark);
  return fd;
}

bool connect_to(const UniqueFd& fd, const SocketAddress& to) {
  sockaddr_storage address{};
  const auto length = to.fill(address);
  return ::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), length) == 0;
}

UniqueFd stand_at(const SocketAddress& address, const SocketAddress& program) {
  auto fd = transparent_socket();
  const int on = 1;
  if (!fd) return fd;
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  return bind_to(fd, address) && connect_to(fd, program) ? std::move(fd) : UniqueFd{};
}

}  // namespace

// The socket outside: of a flow, and of those that answers to it have made.
class EnclosedDatagrams::Far final : public std::enable_shared_from_this<Far>,
                                     private loop::FdWatch::Listener {
 public:
  Far(EnclosedDatagrams& owner, const Key& asked, const SocketAddress& really, UniqueFd fd)
      : owner_(owner), asked_(asked), really_(really), fd_(std::move(fd)) {
    tell_errors(fd_);
    watch_.emplace(owner.loop_, fd_.get(), static_cast<loop::FdWatch::Listener&>(*this));
    watch_->start(/*readable=*/true, /*writable=*/false);
  }
  void send(const SocketAddress& to, Bytes datagram) {
    sockaddr_storage address{};
    const auto length = to.fill(address);
    const auto try_it = [&] {
      return ::sendto(fd_.get(), datagram.data(), datagram.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
                      reinterpret_cast<sockaddr*>(&address), length);
    };
    if (try_it() < 0 && errno != EAGAIN) try_it();  // it was an earlier one's error
  }

 private:
  Key key_of(const SocketAddress& outside) const {
    return outside == really_ ? asked_ : Key{asked_.first, outside};
  }
  void on_fd_ready(loop::FdWatch&, bool, bool) override {
    const auto stays = shared_from_this();  // flows that are made may displace ours
    for (int i = 0; i < kAtOnce; ++i) {
      sockaddr_storage from{};
      socklen_t length = sizeof from;
      auto& buffer = owner_.buffer_;
      const auto size = ::recvfrom(fd_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT,
                                   reinterpret_cast<sockaddr*>(&from), &length);
      if (size < 0 && errno == EAGAIN) break;
      if (size < 0) continue;  // an error of one that was sent
      owner_.pass_in(stays, key_of(SocketAddress::from(reinterpret_cast<sockaddr*>(&from))),
                     Bytes{buffer}.first(static_cast<std::size_t>(size)));
    }
    while (const auto error = read_error(fd_)) owner_.pass_in(key_of(error->to), error->code);
  }

  EnclosedDatagrams& owner_;
  Key asked_;
  SocketAddress really_;  // where that is outside
  UniqueFd fd_;
  std::optional<loop::FdWatch> watch_;
};

class EnclosedDatagrams::Flow final : private loop::FdWatch::Listener {
 public:
  // Without `near`, all that the program sends there is caught.
  Flow(EnclosedDatagrams& owner, const Key& key, const SocketAddress& to, UniqueFd near,
       std::shared_ptr<Far> far)
      : owner_(owner),
        key_(key),
        to_(to),
        near_(std::move(near)),
        far_(std::move(far)),
        silence_(to.port == kNamePort ? kNameSilence : kSilence),
        active_at_(owner.loop_.now()) {
    if (!near_) return;
    near_watch_.emplace(owner.loop_, near_.get(), static_cast<loop::FdWatch::Listener&>(*this));
    near_watch_->start(/*readable=*/true, /*writable=*/false);
  }
  void send(Bytes datagram) {
    active_at_ = owner_.loop_.now();
    far_->send(to_, datagram);
  }
  void pass_in(Bytes datagram) {
    active_at_ = owner_.loop_.now();
    if (near_)
      ::send(near_.get(), datagram.data(), datagram.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    else
      owner_.inside_.refusal->send(key_.first.ip, make_datagram(key_.second, key_.first, datagram));
  }
  TimePoint active_at() const { return active_at_; }
  bool silent(TimePoint now) const { return now - active_at_ >= silence_; }
  bool goes_by(const Far& far) const { return far_.get() == &far; }

 private:
  void on_fd_ready(loop::FdWatch&, bool, bool) override {
    for (int i = 0; i < kAtOnce; ++i) {
      auto& buffer = owner_.buffer_;
      const auto size = ::recv(near_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
      if (size < 0 && errno == EAGAIN) return;
      if (size >= 0) send(Bytes{buffer}.first(static_cast<std::size_t>(size)));
    }
  }

  EnclosedDatagrams& owner_;
  Key key_;
  SocketAddress to_;  // outside
  UniqueFd near_;
  std::shared_ptr<Far> far_;
  std::optional<loop::FdWatch> near_watch_;
  Duration silence_;
  TimePoint active_at_;
};

EnclosedDatagrams::EnclosedDatagrams(loop::Loop& loop, const AgentFacts& agent,
                                     EnclosedSide& inside)
    : loop_(loop), agent_(agent), inside_(inside), buffer_(kLargest), silence_(loop, *this) {}

EnclosedDatagrams::~EnclosedDatagrams() = default;

Result<void> EnclosedDatagrams::start() {
  int error = 0;
  caught_ = inside_.thread.make([&] {
    auto fd = transparent_socket();
    if (!fd || !tell_destinations(fd) ||
        !bind_to(fd, {IpAddress::v4(kDatagramAddress), kDatagramPort})) {
      error = errno;
      return UniqueFd{};
    }
    return fd;
  });
  if (!caught_)
    return fail(from_errno(error),
                "cannot catch the program's datagrams: " + std::string(std::strerror(error)));
  watch_.emplace(loop_, caught_.get(), static_cast<loop::FdWatch::Listener&>(*this));
  watch_->start(/*readable=*/true, /*writable=*/false);
  return {};
}

void EnclosedDatagrams::on_fd_ready(loop::FdWatch&, bool, bool) {
  for (int i = 0; i < kAtOnce && take_one(); ++i) {
  }
}

bool EnclosedDatagrams::take_one() {
  const auto caught = read_caught(caught_, buffer_);
  if (!caught) return false;
  if (auto* flow = flow_of({caught->from, caught->to})) flow->send(caught->content);
  return true;
}

EnclosedDatagrams::Flow* EnclosedDatagrams::flow_of(const Key& key) {
  if (const auto found = flows_.find(key); found != flows_.end()) return found->second.get();
  auto fd = udp_socket();
  const int on = 1;
  if (fd) setsockopt(fd.get(), SOL_SOCKET, SO_BROADCAST, &on, sizeof on);
  const auto target = fd ? outward_datagrams(agent_, fd, key.second) : std::nullopt;
  if (!target) return nullptr;
  // Nobody else shall answer for a name server.
  if (key.second.port == kNamePort && !connect_to(fd, *target)) return nullptr;
  return make_flow(key, *target, std::make_shared<Far>(*this, key, *target, std::move(fd)));
}

EnclosedDatagrams::Flow* EnclosedDatagrams::make_flow(const Key& key, const SocketAddress& to,
                                                      std::shared_ptr<Far> far) {
  if (flows_.size() >= kMostFlows)
    flows_.erase(std::min_element(flows_.begin(), flows_.end(), [](const auto& a, const auto& b) {
      return a.second->active_at() < b.second->active_at();
    }));
  // Beside a socket of the program that has this port on every address nobody can stand there.
  auto near = inside_.thread.make([&] { return stand_at(key.second, key.first); });
  if (!silence_.running()) silence_.start(kLook);
  return flows_
      .emplace(key, std::make_unique<Flow>(*this, key, to, std::move(near), std::move(far)))
      .first->second.get();
}

void EnclosedDatagrams::pass_in(const Key& key, IcmpUnreachable code) {
  if (!key.second.ip.is_v4()) return;
  inside_.refusal->send(key.first.ip, make_udp_unreachable(key.first, key.second, code));
}

// From where nothing was sent to yet: whoever can reach the socket outside, as natively.
void EnclosedDatagrams::pass_in(const std::shared_ptr<Far>& far, const Key& key, Bytes datagram) {
  if (const auto found = flows_.find(key); found != flows_.end())
    return found->second->pass_in(datagram);
  const auto beside = std::count_if(flows_.begin(), flows_.end(),
                                    [&](const auto& flow) { return flow.second->goes_by(*far); });
  if (beside > kMostBeside || !key.second.ip.is_v4()) return;
  if (auto* const flow = make_flow(key, key.second, far)) flow->pass_in(datagram);
}

void EnclosedDatagrams::on_timer(loop::Timer&) {
  std::erase_if(flows_, [&](const auto& entry) { return entry.second->silent(loop_.now()); });
  if (!flows_.empty()) silence_.start(kLook);
}

}  // namespace culvert::agent
