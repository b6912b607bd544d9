#include "agent/destroy_watch.h"

#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "agent/netlink_message.h"

namespace culvert::agent {
namespace {

constexpr int kGroups[] = {SKNLGRP_INET_TCP_DESTROY, SKNLGRP_INET6_TCP_DESTROY};

UniqueFd subscribe() {
  UniqueFd fd(::socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_SOCK_DIAG));
  const int buffer = 1 << 20;
  setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
  sockaddr_nl own{};
  own.nl_family = AF_NETLINK;
  if (bind(fd.get(), reinterpret_cast<sockaddr*>(&own), sizeof own) != 0) return {};
  for (const int group : kGroups)
    if (setsockopt(fd.get(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) != 0)
      return {};
  return fd;
}

}  // namespace

DestroyWatch::DestroyWatch(loop::Loop& loop, Listener& listener)
    : loop_(loop), listener_(listener) {}

void DestroyWatch::want(bool wanted) {
  if (wanted == fd_.operator bool()) return;
  watch_.reset();
  fd_.reset();
  if (!wanted) return;
  fd_ = subscribe();  // without it (an old kernel) the owners' own looking has to do
  if (!fd_) return;
  watch_.emplace(loop_, fd_.get(), static_cast<loop::FdWatch::Listener&>(*this));
  watch_->start(/*readable=*/true, /*writable=*/false);
}

void DestroyWatch::on_fd_ready(loop::FdWatch&, bool, bool) {
  std::array<std::byte, 8192> buffer;
  for (int batch = 0; batch < 256 && fd_; ++batch) {
    const auto size = recv(fd_.get(), buffer.data(), buffer.size(), 0);
    if (size < 0 && errno == ENOBUFS) {
      listener_.on_events_lost();
      continue;
    }
    if (size <= 0) return;
    auto left = Bytes{buffer}.first(static_cast<std::size_t>(size));
    while (const auto message = take_netlink_message(left))
      if (const auto socket = message->load<inet_diag_msg>())
        listener_.on_socket_destroyed(std::uint64_t{socket->id.idiag_cookie[1]} << 32 |
                                      socket->id.idiag_cookie[0]);
  }
}

}  // namespace culvert::agent
