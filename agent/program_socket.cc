#include "agent/program_socket.h"

#include <fcntl.h>
#include <sys/socket.h>

namespace culvert::agent {

int option_of(const UniqueFd& socket, int option) {
  int value = -1;
  socklen_t length = sizeof value;
  return ::getsockopt(socket.get(), SOL_SOCKET, option, &value, &length) == 0 ? value : -1;
}

AddressSharing::AddressSharing(const UniqueFd& socket, bool needed)
    : socket_(socket), shares_(needed && option_of(socket, SO_REUSEADDR) == 0) {
  const int on = 1;
  if (shares_) ::setsockopt(socket_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
}

AddressSharing::~AddressSharing() {
  const int off = 0;
  if (shares_) ::setsockopt(socket_.get(), SOL_SOCKET, SO_REUSEADDR, &off, sizeof off);
}

bool is_internet(const UniqueFd& socket) {
  const int domain = option_of(socket, SO_DOMAIN);
  return domain == AF_INET || domain == AF_INET6;
}

bool is_datagram(const UniqueFd& socket) {
  return is_internet(socket) && option_of(socket, SO_TYPE) == SOCK_DGRAM;
}

bool is_blocking(const UniqueFd& socket) {
  return (::fcntl(socket.get(), F_GETFL) & O_NONBLOCK) == 0;
}

std::uint64_t cookie_of(const UniqueFd& socket) {
  std::uint64_t cookie = 0;
  socklen_t length = sizeof cookie;
  ::getsockopt(socket.get(), SOL_SOCKET, SO_COOKIE, &cookie, &length);
  return cookie;
}

std::chrono::steady_clock::time_point deadline_of(const UniqueFd& socket, int option) {
  timeval limit{};
  socklen_t length = sizeof limit;
  ::getsockopt(socket.get(), SOL_SOCKET, option, &limit, &length);
  if (limit.tv_sec == 0 && limit.tv_usec == 0) return std::chrono::steady_clock::time_point::max();
  return std::chrono::steady_clock::now() + std::chrono::seconds{limit.tv_sec} +
         std::chrono::microseconds{limit.tv_usec};
}

}  // namespace culvert::agent
