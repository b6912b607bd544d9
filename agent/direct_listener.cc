#include "agent/direct_listener.h"

#include <sodium.h>

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>

#include "tunnel/loop/tcp_socket.h"
#include "tunnel/punch/candidates.h"

namespace culvert::agent {
namespace {

// Connections are dialled from that port as well (agent/direct_dial.h): SO_REUSEPORT, on both.
Result<UniqueFd> bind_shared(const SocketAddress& at) {
  sockaddr_storage address{};
  const auto length = at.fill(address);
  UniqueFd fd(::socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int on = 1;
  if (!fd || ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0 ||
      ::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), length) != 0 ||
      ::listen(fd.get(), DirectListener::kMost) != 0)
    return fail(from_errno(errno),
                "cannot listen on " + at.to_string() + ": " + std::strerror(errno));
  return fd;
}

// With SO_REUSEPORT on both, a web server of our own user would lose half of its clients to us.
bool is_free(std::uint16_t port) {
  for (const bool v4 : {false, true}) {
    sockaddr_storage address{};
    const auto length =
        SocketAddress{v4 ? IpAddress::v4(0) : IpAddress::v6({}), port}.fill(address);
    const UniqueFd fd(::socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!fd && errno == EAFNOSUPPORT) continue;
    const int on = 1;  // beside connections that were made from there
    if (!fd || ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        ::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), length) != 0)
      return false;
  }
  return true;
}

bool is_machine_starting() {
  timespec since_boot{};
  return ::clock_gettime(CLOCK_BOOTTIME, &since_boot) == 0 &&
         since_boot.tv_sec < DirectListener::kMachineStarts.count();
}

}  // namespace

class DirectListener::Stranger final : private loop::BytePipe::Listener,
                                       private loop::Timer::Listener {
 public:
  Stranger(loop::Loop& loop, DirectListener& owner, UniqueFd fd, const SocketAddress& peer)
      : from(peer),
        pipe(std::make_unique<loop::TcpSocket>(loop, std::move(fd))),
        owner_(owner),
        timer_(loop, *this) {
    pipe->set_listener(this);
    pipe->set_interest(/*readable=*/true, /*writable=*/false);
    timer_.start(kLimit);
  }

  const SocketAddress from;
  std::unique_ptr<loop::BytePipe> pipe;
  ByteVector received;

 private:
  void on_readable() override {
    std::byte buffer[1024];
    const auto got = pipe->read(buffer);
    using State = loop::IoResult::State;
    if (got.state == State::kBlocked) return;
    if (got.state != State::kMoved) return owner_.remove(*this);
    append(received, Bytes{buffer}.first(got.count));
    owner_.sort(*this);
  }
  void on_writable() override {}
  void on_broken(int) override { owner_.remove(*this); }
  void on_timer(loop::Timer&) override { owner_.remove(*this); }

  DirectListener& owner_;
  loop::Timer timer_;
};

DirectListener::DirectListener(loop::Loop& loop, Listener& listener)
    : loop_(loop), listener_(listener), web_timer_(loop, *this) {}

DirectListener::~DirectListener() = default;

Result<void> DirectListener::listen(std::uint16_t port) {
  close();
  return listen(port, listening_);
}

Result<void> DirectListener::listen_second() { return listen(0, second_); }

std::uint16_t DirectListener::port_since(TimePoint when) {
  if (!listening_) return 0;
  if (fresh_.empty() || fresh_.back().opened_at <= when) {
    auto& fresh = fresh_.emplace_back(loop_.now());
    if (!listen(0, fresh.listening)) {
      fresh_.pop_back();
      return 0;
    }
    if (fresh_.size() > kMostFresh) fresh_.pop_front();
  }
  return fresh_.back().listening->address().port;
}

std::uint16_t DirectListener::web_port() {
  if (!listening_ || !may_take_web_ || is_machine_starting()) return 0;
  if (web_ || port() == punch::kWebPort) return punch::kWebPort;
  if (web_at_ && loop_.now() - *web_at_ < kWebPause) return 0;
  web_at_ = loop_.now();
  if (!is_free(punch::kWebPort) || !listen(punch::kWebPort, web_)) return 0;
  web_timer_.start(kWebOpen);
  return punch::kWebPort;
}

Result<void> DirectListener::listen(std::uint16_t port, std::optional<loop::TcpListener>& at) {
  // Both families where there are two; IPv4 alone else.
  auto socket = bind_shared({IpAddress::v6({}), port});
  if (!socket) socket = bind_shared({IpAddress::v4(0), port});
  if (!socket) return fail(socket.error());
  at.emplace(loop_, static_cast<loop::TcpListener::Listener&>(*this));
  at->adopt(std::move(*socket));
  return {};
}

void DirectListener::close() {
  listening_.reset();
  second_.reset();
  web_.reset();
  fresh_.clear();
  strangers_.clear();
}

void DirectListener::on_accepted(UniqueFd fd, const SocketAddress& peer) {
  const SocketAddress from{peer.ip.canonical(), peer.port};
  const auto source = source_of(from.ip);
  const auto of_same = std::ranges::count_if(
      strangers_, [&](const auto& one) { return source_of(one->from.ip) == source; });
  if (strangers_.size() >= kMost || static_cast<std::size_t>(of_same) >= kMostOfOneAddress) return;
  loop::tune_carrier(fd.get());
  strangers_.push_back(std::make_unique<Stranger>(loop_, *this, std::move(fd), from));
}

void DirectListener::remove(Stranger& stranger) {
  std::erase_if(strangers_, [&](const auto& one) { return one.get() == &stranger; });
}

void DirectListener::sort(Stranger& stranger) {
  const auto first = punch::recognise(stranger.received);
  using Kind = punch::FirstOctets::Kind;
  if (first.kind == Kind::kUndecided) return;
  const auto from = stranger.from;
  auto pipe = std::move(stranger.pipe);
  auto received = std::move(stranger.received);
  pipe->set_listener(nullptr);
  pipe->set_interest(false, false);
  remove(stranger);
  if (first.kind == Kind::kSession)
    return listener_.on_direct_hello(std::move(pipe), std::move(received), from);
  if (first.kind == Kind::kReversed && received.size() == punch::kPreambleSize) {
    listener_.on_dialled_back(first.secret, pipe, from);
    return;
  }
  const bool expected = first.kind == Kind::kTrial && trial_ &&
                        sodium_memcmp(trial_->data(), first.secret.data(), trial_->size()) == 0;
  if (!expected) return;
  trial_.reset();  // it was good for one
  pipe->write(punch::trial_preamble(first.secret));
  pipe->end_writing();
}

}  // namespace culvert::agent
