#include "tunnel/loop/tcp_socket.h"

#include <fcntl.h>
#include <netinet/tcp.h>

#include <cassert>
#include <cerrno>

namespace culvert::loop {
namespace {

void set_option(int fd, int level, int name, int value) {
  setsockopt(fd, level, name, &value, sizeof value);  // tuning only: failure changes no meaning
}

int pending_error(int fd) {
  int error = 0;
  socklen_t length = sizeof error;
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0) return errno;
  return error;
}

}  // namespace

TcpSocket::TcpSocket(Loop& loop, UniqueFd connected) : fd_(std::move(connected)) {
  set_option(fd_.get(), IPPROTO_TCP, TCP_NODELAY, 1);
  set_option(fd_.get(), SOL_SOCKET, SO_OOBINLINE, 1);
  fcntl(fd_.get(), F_SETFD, FD_CLOEXEC);
  poll_ = make_handle<uv_poll_t>(this, uv_poll_init, loop.uv(), fd_.get());  // sets O_NONBLOCK
  assert(poll_ != nullptr);
}

IoResult TcpSocket::read(MutableBytes into) {
  assert(!into.empty());
  while (true) {
    const auto count = ::recv(fd_.get(), into.data(), into.size(), 0);
    if (count > 0) return IoResult::moved(static_cast<std::size_t>(count));
    if (count == 0) return IoResult::end();
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return IoResult::blocked();
    return IoResult::failed(errno);
  }
}

IoResult TcpSocket::write(Bytes from) {
  assert(!from.empty());
  while (true) {
    const auto count = ::send(fd_.get(), from.data(), from.size(), MSG_NOSIGNAL);
    if (count >= 0) return IoResult::moved(static_cast<std::size_t>(count));
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return IoResult::blocked();
    return IoResult::failed(errno);
  }
}

void TcpSocket::set_interest(bool readable, bool writable) {
  want_read_ = readable;
  want_write_ = writable;
  rearm();
}

// A paused socket still watches for the peer's hang-up, because that is how a reset shows without
// reading; only until it has been seen once, as the event is level-triggered.
void TcpSocket::rearm() {
  const int events = (want_read_ ? UV_READABLE : 0) | (want_write_ ? UV_WRITABLE : 0) |
                     (!want_read_ && !saw_hangup_ ? UV_DISCONNECT : 0);
  if (events == armed_) return;
  armed_ = events;
  if (events == 0)
    uv_poll_stop(poll_.get());
  else
    uv_poll_start(poll_.get(), events, Callback<&TcpSocket::on_poll>::call);
}

void TcpSocket::on_poll(int status, int events) {
  if (listener_ == nullptr) return;
  if (status < 0) {  // libuv reports POLLERR so, and has stopped watching
    armed_ = 0;
    if (want_read_) {  // what came before the reset can still be read
      rearm();
      return listener_->on_readable();
    }
    saw_hangup_ = true;
    const int error = pending_error(fd_.get());
    return listener_->on_broken(error != 0 ? error : ECONNRESET);
  }
  if ((events & UV_DISCONNECT) != 0 && !want_read_) {
    saw_hangup_ = true;
    rearm();
  }
  // One callback a turn: the listener may destroy this object. The other event, if still wanted,
  // comes again in the next turn because polling is level-triggered.
  if ((events & UV_READABLE) != 0 && want_read_) return listener_->on_readable();
  if ((events & UV_WRITABLE) != 0 && want_write_) return listener_->on_writable();
}

void TcpSocket::end_writing() { ::shutdown(fd_.get(), SHUT_WR); }

void TcpSocket::abort() {
  const linger now{1, 0};
  setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
  poll_.reset();
  fd_.reset();
}

void tune_local_leg(int fd) {
  ::setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "reno", 4);
  set_option(fd, SOL_SOCKET, SO_SNDBUF, 512 * 1024);
  set_option(fd, SOL_SOCKET, SO_RCVBUF, 512 * 1024);
}

void tune_carrier(int fd) {
  set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  set_option(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, 128 * 1024);
  set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
}

}  // namespace culvert::loop
