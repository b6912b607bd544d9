#include "tests/bench/job.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace culvert::bench {
namespace {

std::ptrdiff_t outcome(std::ptrdiff_t count) {
  if (count >= 0) return count;
  return errno == EAGAIN || errno == EINTR ? -1 : -2;
}

}  // namespace

std::int64_t now_ns() { return std::chrono::steady_clock::now().time_since_epoch().count(); }

void give_up(const std::string& what) {
  std::fprintf(stderr, "load: %s\n", what.c_str());
  std::_Exit(1);
}

void give_up_errno(const std::string& what, int error) {
  give_up(what + ": " + std::strerror(error));
}

UniqueFd make_epoll() {
  UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll) give_up_errno("epoll_create1", errno);
  return epoll;
}

void watch(const UniqueFd& epoll, int fd, std::uint32_t events, void* tag) {
  epoll_event event{.events = events, .data = {.ptr = tag}};
  if (::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd, &event) != 0) give_up_errno("epoll_ctl", errno);
}

void rewatch(const UniqueFd& epoll, int fd, std::uint32_t events, void* tag) {
  epoll_event event{.events = events, .data = {.ptr = tag}};
  if (::epoll_ctl(epoll.get(), EPOLL_CTL_MOD, fd, &event) != 0) give_up_errno("epoll_ctl", errno);
}

void no_delay(int fd) {
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

std::ptrdiff_t receive_some(int fd, void* to, std::size_t size) {
  return outcome(::recv(fd, to, size, MSG_DONTWAIT));
}

std::ptrdiff_t send_some(int fd, const void* from, std::size_t size) {
  return outcome(::send(fd, from, size, MSG_DONTWAIT | MSG_NOSIGNAL));
}

}  // namespace culvert::bench
