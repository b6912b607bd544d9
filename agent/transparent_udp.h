// agent/transparent_udp.h: UDP sockets that hear datagrams to any address, as nftables' tproxy
// leads them here (Documentation/networking/tproxy.rst). Needs CAP_NET_RAW.
#pragma once
#include <optional>

#include "tunnel/base/address.h"
#include "tunnel/base/bytes.h"
#include "tunnel/base/unique_fd.h"

namespace culvert::agent {

UniqueFd make_transparent_udp();  // not bound; invalid with errno
bool tell_destinations(const UniqueFd& fd);
bool bind_to(const UniqueFd& fd, const SocketAddress& at);

struct CaughtDatagram {
  SocketAddress from, to;
  Bytes content;  // in the buffer given
};
// From a socket that tells destinations. Nothing with errno EAGAIN: none is left.
std::optional<CaughtDatagram> read_caught(const UniqueFd& fd, MutableBytes buffer);

}  // namespace culvert::agent
