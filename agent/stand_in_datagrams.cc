#include "agent/stand_in_datagrams.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "agent/enclosure_network.h"
#include "agent/transparent_udp.h"

namespace culvert::agent {
namespace {

UniqueFd stand_at(const SocketAddress& caller, const SocketAddress& program) {
  auto fd = make_transparent_udp();
  const int on = 1;
  if (!fd) return fd;
  setsockopt(fd.get(), SOL_SOCKET, SO_MARK, &kPorterMark, sizeof kPorterMark);
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_storage to{};
  const auto length = program.fill(to);
  const bool stands =
      bind_to(fd, caller) && ::connect(fd.get(), reinterpret_cast<sockaddr*>(&to), length) == 0;
  return stands ? std::move(fd) : UniqueFd{};
}

}  // namespace

class StandInDatagrams::Caller final : private loop::FdWatch::Listener {
 public:
  Caller(StandInDatagrams& owner, const SocketAddress& from, UniqueFd inside)
      : owner_(owner), inside_(std::move(inside)), active_at_(owner.loop_.now()) {
    length_ = from.fill(address_);
    watch_.emplace(owner.loop_, inside_.get(), static_cast<loop::FdWatch::Listener&>(*this));
    watch_->start(/*readable=*/true, /*writable=*/false);
  }
  void pass_in(Bytes datagram) {
    active_at_ = owner_.loop_.now();
    ::send(inside_.get(), datagram.data(), datagram.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  }
  TimePoint active_at() const { return active_at_; }

 private:
  void on_fd_ready(loop::FdWatch&, bool, bool) override {
    auto& buffer = owner_.buffer_;
    for (int i = 0; i < kAtOnce; ++i) {
      const auto size = ::recv(inside_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
      if (size < 0 && errno == EAGAIN) return;
      if (size < 0) continue;  // the program has just ended: reading the error has cleared it
      active_at_ = owner_.loop_.now();
      ::sendto(owner_.fd_.get(), buffer.data(), static_cast<std::size_t>(size),
               MSG_DONTWAIT | MSG_NOSIGNAL, reinterpret_cast<sockaddr*>(&address_), length_);
    }
  }

  StandInDatagrams& owner_;
  UniqueFd inside_;
  sockaddr_storage address_{};
  socklen_t length_ = 0;
  TimePoint active_at_;
  std::optional<loop::FdWatch> watch_;
};

StandInDatagrams::StandInDatagrams(loop::Loop& loop, EnclosedSide& inside,
                                   const SocketAddress& bound, const IpPrefix& callers)
    : loop_(loop),
      inside_(inside),
      bound_(bound),
      callers_allowed_(callers),
      buffer_(kLargest),
      silence_(loop, *this) {}

StandInDatagrams::~StandInDatagrams() = default;

Result<void> StandInDatagrams::start() {
  fd_.reset(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd_ || !bind_to(fd_, {IpAddress::v4(INADDR_LOOPBACK), 0}))
    return fail(ErrorCode::kIo,
                "cannot stand in for " + bound_.to_string() + ": " + std::strerror(errno));
  watch_.emplace(loop_, fd_.get(), static_cast<loop::FdWatch::Listener&>(*this));
  watch_->start(/*readable=*/true, /*writable=*/false);
  return {};
}

std::uint64_t StandInDatagrams::cookie() const {
  std::uint64_t cookie = 0;
  socklen_t length = sizeof cookie;
  getsockopt(fd_.get(), SOL_SOCKET, SO_COOKIE, &cookie, &length);
  return cookie;
}

void StandInDatagrams::on_fd_ready(loop::FdWatch&, bool, bool) {
  for (int i = 0; i < kAtOnce; ++i) {
    sockaddr_storage from{};
    socklen_t length = sizeof from;
    const auto size = ::recvfrom(fd_.get(), buffer_.data(), buffer_.size(), MSG_DONTWAIT,
                                 reinterpret_cast<sockaddr*>(&from), &length);
    if (size < 0) return;
    if (auto* caller = caller_at(SocketAddress::from(reinterpret_cast<sockaddr*>(&from))))
      caller->pass_in(Bytes{buffer_}.first(static_cast<std::size_t>(size)));
  }
}

StandInDatagrams::Caller* StandInDatagrams::caller_at(const SocketAddress& from) {
  if (const auto found = callers_.find(from); found != callers_.end()) return found->second.get();
  if (!callers_allowed_.contains(from.ip)) return nullptr;
  if (callers_.size() >= kMostCallers)
    callers_.erase(
        std::min_element(callers_.begin(), callers_.end(), [](const auto& a, const auto& b) {
          return a.second->active_at() < b.second->active_at();
        }));
  auto program = bound_;
  if (program.ip == IpAddress::v4(0)) program.ip = inside_.own_virtual;  // where it answers from
  auto inside = inside_.thread.make([&] {
    auto at_port = stand_at(from, program);
    // The program has this port on all addresses itself: it sees another one.
    return at_port ? std::move(at_port) : stand_at({from.ip, 0}, program);
  });
  if (!inside) return nullptr;
  if (!silence_.running()) silence_.start(kLook);
  return callers_.emplace(from, std::make_unique<Caller>(*this, from, std::move(inside)))
      .first->second.get();
}

void StandInDatagrams::on_timer(loop::Timer&) {
  std::erase_if(callers_, [&](const auto& entry) {
    return loop_.now() - entry.second->active_at() >= Duration{kSilence};
  });
  if (!callers_.empty()) silence_.start(kLook);
}

}  // namespace culvert::agent
