#include "agent/enclosed_datagrams.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "agent/enclosure_network.h"
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

class EnclosedDatagrams::Flow final : private loop::FdWatch::Listener {
 public:
  Flow(EnclosedDatagrams& owner, const SocketAddress& to, UniqueFd near, UniqueFd far)
      : owner_(owner),
        near_(std::move(near)),
        far_(std::move(far)),
        near_watch_(owner.loop_, near_.get(), static_cast<loop::FdWatch::Listener&>(*this)),
        far_watch_(owner.loop_, far_.get(), static_cast<loop::FdWatch::Listener&>(*this)),
        silence_(to.port == kNamePort ? kNameSilence : kSilence),
        active_at_(owner.loop_.now()) {
    near_watch_.start(/*readable=*/true, /*writable=*/false);
    far_watch_.start(/*readable=*/true, /*writable=*/false);
  }
  void send(Bytes datagram) { pass(datagram, far_); }
  TimePoint active_at() const { return active_at_; }
  bool silent(TimePoint now) const { return now - active_at_ >= silence_; }

 private:
  void on_fd_ready(loop::FdWatch& watch, bool, bool) override {
    const auto& from = &watch == &near_watch_ ? near_ : far_;
    for (int i = 0; i < kAtOnce; ++i) {
      const auto size =
          ::recv(from.get(), owner_.buffer_.data(), owner_.buffer_.size(), MSG_DONTWAIT);
      if (size < 0 && errno == EAGAIN) return;
      if (size < 0) continue;  // an error that the network reported: reading it has cleared it
      pass(Bytes{owner_.buffer_}.first(static_cast<std::size_t>(size)),
           &watch == &near_watch_ ? far_ : near_);
    }
  }
  void pass(Bytes datagram, const UniqueFd& to) {
    active_at_ = owner_.loop_.now();
    ::send(to.get(), datagram.data(), datagram.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  }

  EnclosedDatagrams& owner_;
  UniqueFd near_, far_;
  loop::FdWatch near_watch_, far_watch_;
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
  if (flows_.size() >= kMostFlows)
    flows_.erase(std::min_element(flows_.begin(), flows_.end(), [](const auto& a, const auto& b) {
      return a.second->active_at() < b.second->active_at();
    }));
  auto near = inside_.thread.make([&] { return stand_at(key.second, key.first); });
  auto far = udp_socket();
  const int on = 1;
  if (far) setsockopt(far.get(), SOL_SOCKET, SO_BROADCAST, &on, sizeof on);
  const auto target = far ? outward_datagrams(agent_, far, key.second) : std::nullopt;
  if (!near || !target || !connect_to(far, *target)) return nullptr;
  if (!silence_.running()) silence_.start(kLook);
  return flows_
      .emplace(key, std::make_unique<Flow>(*this, key.second, std::move(near), std::move(far)))
      .first->second.get();
}

void EnclosedDatagrams::on_timer(loop::Timer&) {
  std::erase_if(flows_, [&](const auto& entry) { return entry.second->silent(loop_.now()); });
  if (!flows_.empty()) silence_.start(kLook);
}

}  // namespace culvert::agent
