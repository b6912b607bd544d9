#include "tunnel/loop/tcp_listener.h"

#include <netinet/tcp.h>

#include <cerrno>
#include <cstring>

#include "tunnel/base/log.h"
#include "tunnel/loop/local_address.h"

namespace culvert::loop {
namespace {

// Whose address is not proven yet, as the last ACK of the handshake proves it; others beyond go
// through an ordinary handshake.
constexpr int kMostFastOpen = 256;

}  // namespace

TcpListener::TcpListener(Loop& loop, Listener& listener)
    : loop_(loop), listener_(listener), retry_(loop, *this) {}

Result<void> TcpListener::listen(const SocketAddress& at) {
  sockaddr_storage address{};
  auto length = at.fill(address);
  const auto failed = [&](const char* what) {
    const int error = errno;
    return fail(from_errno(error),
                "cannot " + std::string(what) + " " + at.to_string() + ": " + std::strerror(error));
  };
  UniqueFd fd(::socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return failed("make a socket for");
  const int on = 1;
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), length) != 0) return failed("bind");
  if (::listen(fd.get(), 4096) != 0) return failed("listen on");
  adopt(std::move(fd));
  return {};
}

void TcpListener::adopt(UniqueFd listening) {
  fd_ = std::move(listening);
  address_ = local_address(fd_.get());
  watch_.emplace(loop_, fd_.get(), static_cast<FdWatch::Listener&>(*this));
  watch_->start(/*readable=*/true, /*writable=*/false);
}

void TcpListener::take_octets_of_syns() {
  setsockopt(fd_.get(), IPPROTO_TCP, TCP_FASTOPEN, &kMostFastOpen, sizeof kMostFastOpen);
}

void TcpListener::on_fd_ready(FdWatch&, bool, bool) {
  for (int batch = 0; batch < 64; ++batch) {  // bounded: others must get their turn
    sockaddr_storage peer{};
    socklen_t length = sizeof peer;
    UniqueFd fd(::accept4(fd_.get(), reinterpret_cast<sockaddr*>(&peer), &length,
                          SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!fd) {
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        const int error = errno;
        if (complaint_.due(loop_.now()))
          log::warning("listener", {{"event", "paused"},
                                    {"at", address_.to_string()},
                                    {"why", std::strerror(error)},
                                    {"do", "raise the limit of open files (ulimit -n)"}});
        watch_->start(false, false);
        retry_.start(std::chrono::milliseconds{100});
      }
      return;
    }
    listener_.on_accepted(std::move(fd), SocketAddress::from(reinterpret_cast<sockaddr*>(&peer)));
  }
}

void TcpListener::on_timer(Timer&) { watch_->start(/*readable=*/true, /*writable=*/false); }

}  // namespace culvert::loop
