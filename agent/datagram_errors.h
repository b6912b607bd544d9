// agent/datagram_errors.h: what the network reports of datagrams that a UDP socket has sent
// (ip(7), IP_RECVERR): also of one that is not connected, and with where they went.
#pragma once
#include <optional>

#include "agent/ip_packet.h"
#include "tunnel/base/unique_fd.h"

namespace culvert::agent {

// From here on the next call of the socket fails with such an error and does nothing else, and the
// socket is not silent before all of them were read.
bool tell_errors(const UniqueFd& fd);

struct DatagramError {
  SocketAddress to;
  IcmpUnreachable code;
};
// Nothing: none is left.
std::optional<DatagramError> read_error(const UniqueFd& fd);

}  // namespace culvert::agent
