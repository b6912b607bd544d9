#include "agent/destroy_watch.h"

#include <linux/filter.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstddef>

#include "agent/netlink_message.h"

namespace culvert::agent {
namespace {

constexpr int kTcpGroups[] = {SKNLGRP_INET_TCP_DESTROY, SKNLGRP_INET6_TCP_DESTROY};
constexpr int kUdpGroups[] = {SKNLGRP_INET_UDP_DESTROY, SKNLGRP_INET6_UDP_DESTROY};

sock_filter statement(int code, std::uint32_t k) {
  return {static_cast<std::uint16_t>(code), 0, 0, k};
}
sock_filter jump(int code, std::uint32_t k, std::uint8_t yes, std::uint8_t no) {
  return {static_cast<std::uint16_t>(code), yes, no, k};
}

// By the last four octets of an IPv6 address, which may be a v4-mapped one: what passes by chance
// has a cookie that nobody waits for.
bool attach_filter(int fd, const IpPrefix& peers) {
  const auto mask = peers.length == 0 ? 0 : ~std::uint32_t{0} << (32 - peers.length);
  constexpr std::uint32_t kMessage = NLMSG_HDRLEN;
  constexpr std::uint32_t kPeer = kMessage + offsetof(inet_diag_msg, id.idiag_dst);
  sock_filter code[] = {
      statement(BPF_LD | BPF_B | BPF_ABS, kMessage + offsetof(inet_diag_msg, idiag_family)),
      jump(BPF_JMP | BPF_JEQ | BPF_K, AF_INET, 0, 2),
      statement(BPF_LD | BPF_W | BPF_ABS, kPeer),
      jump(BPF_JMP | BPF_JA, 1, 0, 0),
      statement(BPF_LD | BPF_W | BPF_ABS, kPeer + 12),
      statement(BPF_ALU | BPF_AND | BPF_K, mask),
      jump(BPF_JMP | BPF_JEQ | BPF_K, peers.address.v4_value() & mask, 0, 1),
      statement(BPF_RET | BPF_K, ~std::uint32_t{0}),
      statement(BPF_RET | BPF_K, 0),
  };
  const sock_fprog program{std::size(code), code};
  return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0;
}

UniqueFd subscribe(const IpPrefix& peers, Protocol protocol) {
  UniqueFd fd(::socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_SOCK_DIAG));
  const int buffer = 1 << 20;
  setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
  sockaddr_nl own{};
  own.nl_family = AF_NETLINK;
  if (bind(fd.get(), reinterpret_cast<sockaddr*>(&own), sizeof own) != 0) return {};
  (void)attach_filter(fd.get(), peers);  // without it there is more to look at, nothing else
  for (const int group : protocol == Protocol::kTcp ? kTcpGroups : kUdpGroups)
    if (setsockopt(fd.get(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) != 0)
      return {};
  return fd;
}

}  // namespace

DestroyWatch::DestroyWatch(loop::Loop& loop, const IpPrefix& peers, Listener& listener,
                           Protocol protocol)
    : loop_(loop), listener_(listener), peers_(peers), protocol_(protocol) {}

void DestroyWatch::want(bool wanted) {
  if (wanted == std::exchange(wanted_, wanted)) return;
  watch_.reset();
  fd_.reset();
  if (!wanted) return;
  fd_ =
      subscribe(peers_, protocol_);  // without it (an old kernel) the owners' own looking has to do
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
