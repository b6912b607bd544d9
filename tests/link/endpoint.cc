#include "tests/link/endpoint.h"

#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>

namespace culvert::link {
namespace {

// The kernel's own queue before ours: small, or it would be a second bottleneck queue unseen.
constexpr int kReceiveBuffer = 128 * 1024;

void set_option(int fd, int level, int name, int value) {
  ::setsockopt(fd, level, name, &value, sizeof value);
}

}  // namespace

void Endpoint::take(UniqueFd connected) {
  fd_ = std::move(connected);
  watch();
}

bool Endpoint::dial(const SocketAddress& to) {
  sockaddr_storage address{};
  const auto size = to.fill(address);
  UniqueFd fd(::socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return false;
  const int connected = ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), size);
  if (connected != 0 && errno != EINPROGRESS) return false;
  fd_ = std::move(fd);
  watch();
  return true;
}

void Endpoint::watch() {
  set_option(fd_.get(), IPPROTO_TCP, TCP_NODELAY, 1);
  set_option(fd_.get(), SOL_SOCKET, SO_RCVBUF, kReceiveBuffer);
  ::setsockopt(fd_.get(), IPPROTO_TCP, TCP_CONGESTION, "reno", 4);  // bbr would pace loopback
  epoll_event event{.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data = {.ptr = this}};
  ::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd_.get(), &event);
}

void Endpoint::on_events(std::uint32_t events) {
  if ((events & (EPOLLERR | EPOLLHUP)) != 0) hung_ = readable_ = true;
  if ((events & (EPOLLIN | EPOLLRDHUP)) != 0) readable_ = true;
  if ((events & EPOLLOUT) != 0) writable_ = true;
}

std::ptrdiff_t Endpoint::outcome(std::ptrdiff_t count) {
  if (count >= 0) return count;
  if (errno == EAGAIN || errno == EINTR || errno == ENOTCONN) return -1;
  broken_ = readable_ = hung_ = true;  // the kernel tells the error only once
  return -2;
}

std::ptrdiff_t Endpoint::receive(MutableBytes into) {
  const auto count = outcome(::recv(fd_.get(), into.data(), into.size(), 0));
  if (count == -1) readable_ = false;
  return count == 0 && broken_ ? -2 : count;
}

std::ptrdiff_t Endpoint::send(std::span<iovec> pieces) {
  msghdr message{};
  message.msg_iov = pieces.data();
  message.msg_iovlen = pieces.size();
  const auto count = outcome(::sendmsg(fd_.get(), &message, MSG_NOSIGNAL));
  if (count == -1) writable_ = false;
  return count;
}

void Endpoint::end_sending() { ::shutdown(fd_.get(), SHUT_WR); }

void Endpoint::reset() {
  if (!open()) return;
  const linger now{1, 0};
  ::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
  fd_.reset();
}

}  // namespace culvert::link
