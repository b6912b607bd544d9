#include "agent/stand_in_listener.h"

#include <sys/random.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "tunnel/loop/local_address.h"
#include "tunnel/loop/tcp_socket.h"

namespace culvert::agent {

class StandInListener::Call final : private loop::FdWatch::Listener {
 public:
  Call(StandInListener& owner, UniqueFd caller, const SocketAddress& from)
      : owner_(owner), caller_(std::move(caller)), from_(from), since_(owner.loop_.now()) {
    watch_.emplace(owner.loop_, caller_.get(), static_cast<loop::FdWatch::Listener&>(*this));
    watch_->start(/*readable=*/true, /*writable=*/false);
  }
  TimePoint since() const { return since_; }

 private:
  void on_fd_ready(loop::FdWatch&, bool, bool) override {
    if (program_) return connected();
    StandInCall call{};
    const auto size = ::recv(caller_.get(), call.data(), call.size(), MSG_PEEK);
    if (size < 0 && errno == EAGAIN) return;
    const bool whole = size == static_cast<ssize_t>(call.size()) &&
                       ::recv(caller_.get(), call.data(), call.size(), 0) == size;
    const auto own = whole ? read_stand_in_call(call, owner_.token_) : std::nullopt;
    if (!own) return owner_.end(*this);  // somebody else of this machine
    connect_inside(*own);
  }
  void connect_inside(const IpAddress& own) {
    const bool any = owner_.bound_.ip == IpAddress::v4(0);
    const SocketAddress to{any ? own : owner_.bound_.ip, owner_.bound_.port};
    watch_.reset();
    program_ = owner_.inside_.thread.make([&] { return open_inside(to, from_); });
    if (!program_) return answer(errno);
    watch_.emplace(owner_.loop_, program_.get(), static_cast<loop::FdWatch::Listener&>(*this));
    watch_->start(/*readable=*/false, /*writable=*/true);
  }
  void connected() {
    int error = 0;
    socklen_t length = sizeof error;
    if (::getsockopt(program_.get(), SOL_SOCKET, SO_ERROR, &error, &length) != 0) error = errno;
    answer(error);
  }
  void answer(int error) {
    const auto octet = static_cast<std::uint8_t>(error);
    const bool told = ::send(caller_.get(), &octet, 1, MSG_NOSIGNAL) == 1;
    watch_.reset();
    if (told && error == 0) owner_.listener_.on_called(std::move(program_), std::move(caller_));
    owner_.end(*this);
  }

  StandInListener& owner_;
  UniqueFd caller_, program_;
  SocketAddress from_;
  TimePoint since_;
  std::optional<loop::FdWatch> watch_;  // of caller_, then of program_
};

StandInListener::StandInListener(loop::Loop& loop, EnclosedSide& inside, const SocketAddress& bound,
                                 Listener& listener)
    : loop_(loop), inside_(inside), bound_(bound), listener_(listener), sweep_(loop, *this) {}

StandInListener::~StandInListener() = default;

Result<void> StandInListener::start() {
  std::array<std::byte, kTokenSize / 2> random;
  fd_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_storage address{};
  const auto length = SocketAddress{IpAddress::v4(INADDR_LOOPBACK), 0}.fill(address);
  if (!fd_ || ::getrandom(random.data(), random.size(), 0) != ssize_t{sizeof random} ||
      ::bind(fd_.get(), reinterpret_cast<sockaddr*>(&address), length) != 0 ||
      ::listen(fd_.get(), SOMAXCONN) != 0)
    return fail(ErrorCode::kIo,
                "cannot stand in for " + bound_.to_string() + ": " + std::strerror(errno));
  token_ = to_hex(random);
  watch_.emplace(loop_, fd_.get(), static_cast<loop::FdWatch::Listener&>(*this));
  watch_->start(/*readable=*/true, /*writable=*/false);
  return {};
}

std::uint64_t StandInListener::cookie() const {
  std::uint64_t cookie = 0;
  socklen_t length = sizeof cookie;
  getsockopt(fd_.get(), SOL_SOCKET, SO_COOKIE, &cookie, &length);
  return cookie;
}

void StandInListener::on_fd_ready(loop::FdWatch&, bool, bool) {
  sockaddr_storage from{};
  socklen_t length = sizeof from;
  UniqueFd caller(::accept4(fd_.get(), reinterpret_cast<sockaddr*>(&from), &length,
                            SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!caller) return;
  loop::tune_local_leg(caller.get());
  if (calls_.size() >= kMostCalls) calls_.pop_front();
  calls_.push_back(std::make_unique<Call>(*this, std::move(caller),
                                          SocketAddress::from(reinterpret_cast<sockaddr*>(&from))));
  if (!sweep_.running()) sweep_.start(kAnswerWithin);
}

void StandInListener::on_timer(loop::Timer&) {
  while (!calls_.empty() && loop_.now() - calls_.front()->since() >= Duration{kAnswerWithin})
    calls_.pop_front();
  if (!calls_.empty()) sweep_.start(kAnswerWithin);
}

void StandInListener::end(Call& call) {
  std::erase_if(calls_, [&](const auto& other) { return other.get() == &call; });
}

}  // namespace culvert::agent
