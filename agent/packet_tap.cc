#include "agent/packet_tap.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace culvert::agent {

Result<UniqueFd> open_packet_tap(std::span<sock_filter> filter, int buffer, TapBuffer kind,
                                 const std::string& purpose) {
  const auto failed = [&](const char* what) {
    const int error = errno;
    return fail(from_errno(error),
                "cannot " + std::string(what) + purpose + ": " + std::strerror(error));
  };
  // Protocol 0: hears nothing before the filter is in place and it is bound.
  UniqueFd fd(::socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return failed("make a packet socket");
  const sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
  if (setsockopt(fd.get(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) != 0)
    return failed("attach a filter");
  if (kind == TapBuffer::kWithinLimit ||
      setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer) != 0)
    setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
  sockaddr_ll device{};
  device.sll_family = AF_PACKET;
  device.sll_protocol = htons(ETH_P_IP);
  device.sll_ifindex = static_cast<int>(if_nametoindex("lo"));
  if (bind(fd.get(), reinterpret_cast<sockaddr*>(&device), sizeof device) != 0)
    return failed("listen on lo");
  return fd;
}

}  // namespace culvert::agent
