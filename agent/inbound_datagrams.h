// agent/inbound_datagrams.h: sockets at a remote caller's virtual address, from which a UDP server
// here hears the caller, and at which it answers.
#pragma once
#include "tunnel/base/address.h"
#include "tunnel/base/unique_fd.h"

namespace culvert::agent {

struct InboundDatagrams {
  UniqueFd asked;   // connected to the server that was asked: hears that one alone
  UniqueFd others;  // at the same address, hears everybody else; may be missing
};

// `bound`: where the server is. kRefused: not by IPv4.
Result<InboundDatagrams> open_inbound_datagrams(const IpAddress& caller,
                                                const SocketAddress& bound);
// A further one at `local`, the address of the above, connected to `peer`. Until it is that, it may
// have heard others: who reads it has to look where a datagram is from.
Result<UniqueFd> open_inbound_beside(const SocketAddress& local, const SocketAddress& peer);

}  // namespace culvert::agent
