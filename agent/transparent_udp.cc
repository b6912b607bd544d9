#include "agent/transparent_udp.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace culvert::agent {
namespace {

// From IP_ORIGDSTADDR.
std::optional<SocketAddress> destination(msghdr& message) {
  for (auto* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_IP || part->cmsg_type != IP_ORIGDSTADDR) continue;
    sockaddr_in address{};
    std::memcpy(&address, CMSG_DATA(part), sizeof address);
    return SocketAddress::from(reinterpret_cast<sockaddr*>(&address));
  }
  return std::nullopt;
}

}  // namespace

UniqueFd make_transparent_udp() {
  UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int on = 1;
  if (!fd || setsockopt(fd.get(), IPPROTO_IP, IP_TRANSPARENT, &on, sizeof on) != 0)
    return UniqueFd{};
  return fd;
}

bool tell_destinations(const UniqueFd& fd) {
  const int on = 1;
  return setsockopt(fd.get(), SOL_IP, IP_RECVORIGDSTADDR, &on, sizeof on) == 0;
}

bool bind_to(const UniqueFd& fd, const SocketAddress& at) {
  sockaddr_storage address{};
  const auto length = at.fill(address);
  return ::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), length) == 0;
}

std::optional<CaughtDatagram> read_caught(const UniqueFd& fd, MutableBytes buffer) {
  for (;;) {
    sockaddr_storage from{};
    std::array<char, 256> control;
    iovec content{buffer.data(), buffer.size()};
    msghdr message{&from, sizeof from, &content, 1, control.data(), control.size(), 0};
    const auto size = ::recvmsg(fd.get(), &message, MSG_DONTWAIT);
    if (size < 0 && errno == EAGAIN) return std::nullopt;
    if (size < 0) continue;  // an error that the network reported: reading it has cleared it
    const auto to = destination(message);
    if (to)
      return CaughtDatagram{SocketAddress::from(reinterpret_cast<sockaddr*>(&from)), *to,
                            Bytes{buffer}.first(static_cast<std::size_t>(size))};
  }
}

}  // namespace culvert::agent
