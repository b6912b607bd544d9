#include "tunnel/restart/sockets.h"

#include <sys/socket.h>

#include <utility>

namespace culvert::restart {
namespace {

std::uint64_t cookie_of(int fd) {
  std::uint64_t cookie = 0;
  socklen_t size = sizeof cookie;
  return ::getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &size) == 0 ? cookie : 0;
}

bool is_local(int fd) {
  int domain = 0;
  socklen_t size = sizeof domain;
  return ::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_UNIX;
}

void set_linger(int fd, bool reset_on_close) {
  const linger value{reset_on_close ? 1 : 0, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &value, sizeof value);
}

}  // namespace

std::uint64_t Outgoing::add(int fd) {
  (is_local(fd) ? local_ : internet_).push_back(fd);
  return cookie_of(fd);
}

std::uint64_t Outgoing::add_connection(int fd) {
  set_linger(fd, /*reset_on_close=*/true);
  return add(fd);
}

Inherited& Inherited::operator=(Inherited&& other) noexcept {
  if (this == &other) return *this;
  drop_all();
  sockets_ = std::exchange(other.sockets_, {});
  return *this;
}

// The manager may still have a duplicate for a moment of what did not come in a bundle: whoever
// asks there now must not wait in a queue that nobody serves.
void Inherited::drop_all() {
  for (const auto& [cookie, socket] : sockets_)
    if (is_local(socket.get())) ::shutdown(socket.get(), SHUT_RDWR);
  sockets_.clear();
}

void Inherited::add(UniqueFd socket) {
  const auto cookie = cookie_of(socket.get());
  if (cookie != 0) sockets_[cookie] = std::move(socket);
}

UniqueFd Inherited::take(std::uint64_t cookie) {
  const auto found = sockets_.find(cookie);
  if (found == sockets_.end()) return {};
  auto socket = std::move(found->second);
  sockets_.erase(found);
  return socket;
}

UniqueFd Inherited::take_connection(std::uint64_t cookie) {
  auto socket = take(cookie);
  if (socket) set_linger(socket.get(), /*reset_on_close=*/false);
  return socket;
}

}  // namespace culvert::restart
