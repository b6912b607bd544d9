#include "agent/datagram_errors.h"

#include <linux/errqueue.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <sys/socket.h>

#include <array>
#include <cstring>

namespace culvert::agent {
namespace {

std::optional<IcmpUnreachable> code_in(msghdr& message) {
  for (auto* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_IP || part->cmsg_type != IP_RECVERR) continue;
    sock_extended_err error{};
    std::memcpy(&error, CMSG_DATA(part), sizeof error);
    if (error.ee_origin != SO_EE_ORIGIN_ICMP || error.ee_type != ICMP_UNREACH) continue;
    switch (error.ee_code) {
      case ICMP_UNREACH_PORT: return IcmpUnreachable::kPort;
      case ICMP_UNREACH_NET: return IcmpUnreachable::kNetwork;
      case ICMP_UNREACH_FILTER_PROHIB: return IcmpUnreachable::kProhibited;
      case ICMP_UNREACH_NEEDFRAG: continue;  // the kernel sees to it
      default: return IcmpUnreachable::kHost;
    }
  }
  return std::nullopt;
}

}  // namespace

bool tell_errors(const UniqueFd& fd) {
  const int on = 1;
  return setsockopt(fd.get(), SOL_IP, IP_RECVERR, &on, sizeof on) == 0;
}

std::optional<DatagramError> read_error(const UniqueFd& fd) {
  for (;;) {
    sockaddr_storage to{};
    std::array<std::byte, 64> content;  // of the datagram: not looked at
    std::array<char, 256> control;
    iovec place{content.data(), content.size()};
    msghdr message{&to, sizeof to, &place, 1, control.data(), control.size(), 0};
    if (::recvmsg(fd.get(), &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) return std::nullopt;
    if (const auto code = code_in(message))
      return DatagramError{SocketAddress::from(reinterpret_cast<sockaddr*>(&to)), *code};
  }
}

}  // namespace culvert::agent
