#include "tunnel/restart/sockets.h"

#include <sys/socket.h>

namespace culvert::restart {
namespace {

std::uint64_t cookie_of(int fd) {
  std::uint64_t cookie = 0;
  socklen_t size = sizeof cookie;
  return ::getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &size) == 0 ? cookie : 0;
}

void set_linger(int fd, bool reset_on_close) {
  const linger value{reset_on_close ? 1 : 0, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &value, sizeof value);
}

}  // namespace

std::uint64_t Outgoing::add(int fd) {
  others_.push_back(fd);
  return cookie_of(fd);
}

std::uint64_t Outgoing::add_connection(int fd) {
  set_linger(fd, /*reset_on_close=*/true);
  connections_.push_back(fd);
  return cookie_of(fd);
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
