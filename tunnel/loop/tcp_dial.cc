#include "tunnel/loop/tcp_dial.h"

#include <netinet/tcp.h>

#include <cerrno>
#include <cstddef>

namespace culvert::loop {

namespace {

#ifndef IP_LOCAL_PORT_RANGE
constexpr int IP_LOCAL_PORT_RANGE = 51;  // Linux 6.3; before: ENOPROTOOPT
#endif

bool bind_at(int fd, const SocketAddress& at) {
  sockaddr_storage address{};
  const auto length = at.fill(address);
  return ::bind(fd, reinterpret_cast<sockaddr*>(&address), length) == 0;
}

int bind_from(int fd, const SocketAddress& from, TcpDial::Port port) {
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (from.port != 0) {
    if (port == TcpDial::Port::kThis) setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    if (bind_at(fd, from)) return 0;
    if (port == TcpDial::Port::kThis) return errno;
    // bind() wants a port for itself where connect() shares it, if its destination is another one.
    const std::uint32_t only_that = std::uint32_t{from.port} << 16 | from.port;
    setsockopt(fd, IPPROTO_IP, IP_LOCAL_PORT_RANGE, &only_that, sizeof only_that);
  }
  // The kernel then chooses the port in connect(): one per destination instead of one for all.
  setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  return bind_at(fd, {from.ip, 0}) ? 0 : errno;
}

// As far as needed of <linux/tcp.h>, which cannot be included beside <netinet/tcp.h>.
struct TcpFacts {
  tcp_info known_to_libc;
  std::uint64_t pacing_rate, max_pacing_rate, bytes_acked;
};
static_assert(offsetof(TcpFacts, bytes_acked) == 120);

// The far end has acknowledged the SYN: an error that the socket has now came after that.
bool was_connected(int fd) {
  TcpFacts facts{};
  socklen_t length = sizeof facts;
  return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &facts, &length) == 0 && facts.bytes_acked > 0;
}

}  // namespace

TcpDial::TcpDial(Loop& loop, const SocketAddress& to, Duration limit, Listener& listener,
                 const std::optional<SocketAddress>& from, FastOpen fast_open, Port port,
                 int most_segment)
    : to_(to), listener_(listener), timer_(loop, *this) {
  early_error_ = begin(from, fast_open, port, most_segment);
  const bool not_there = early_error_ == EADDRINUSE || early_error_ == EADDRNOTAVAIL;
  if (not_there && port == Port::kIfFree && from && from->port != 0)
    early_error_ = begin(SocketAddress{from->ip, 0}, fast_open, port, most_segment);
  if (early_error_ != 0) {
    timer_.start(Duration::zero());
    return;
  }
  watch_.emplace(loop, fd_.get(), static_cast<FdWatch::Listener&>(*this));
  watch_->start(/*readable=*/false, /*writable=*/true);
  timer_.start(limit);
}

// 0: it is under way; else an errno.
int TcpDial::begin(const std::optional<SocketAddress>& from, FastOpen fast_open, Port port,
                   int most_segment) {
  sockaddr_storage address{};
  const auto length = to_.fill(address);
  fd_.reset(::socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd_) return errno;
  if (from)
    if (const int error = bind_from(fd_.get(), *from, port)) return error;
  if (most_segment != 0)
    setsockopt(fd_.get(), IPPROTO_TCP, TCP_MAXSEG, &most_segment, sizeof most_segment);
  if (fast_open == FastOpen::kTry) {
    const int on = 1;  // refused where the system does not want it: then it is an ordinary connect
    setsockopt(fd_.get(), IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on, sizeof on);
  }
  const bool begun = ::connect(fd_.get(), reinterpret_cast<sockaddr*>(&address), length) == 0;
  return begun || errno == EINPROGRESS ? 0 : errno;
}

// A connect that failed is readable as well (EPOLLERR), one that succeeded is not asked about. Nor
// is one that was reset meanwhile: SO_ERROR would take the reset, and what was said before it, from
// who reads.
void TcpDial::on_fd_ready(FdWatch&, bool readable, bool) {
  if (!readable || was_connected(fd_.get())) return finish(0);
  int error = 0;
  socklen_t length = sizeof error;
  if (getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &length) != 0) error = errno;
  finish(error);
}

void TcpDial::on_timer(Timer&) { finish(early_error_ != 0 ? early_error_ : ETIMEDOUT); }

void TcpDial::finish(int error) {
  timer_.stop();
  if (error != 0 && watch_) watch_->stop_and_close(fd_);
  watch_.reset();
  listener_.on_dialled(*this, error == 0 ? std::move(fd_) : UniqueFd{}, error);
}

}  // namespace culvert::loop
