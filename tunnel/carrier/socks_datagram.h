// tunnel/carrier/socks_datagram.h: the header in front of each datagram that a SOCKS5 proxy relays
// (RFC 1928 section 7): RSV, FRAG, ATYP, address, port. Sans-IO, either way the same.
//
// Fragments are refused, as that section allows and every proxy in use does: nothing is kept
// between datagrams. So are names in place of addresses: a relay knows where a datagram came from.
#pragma once
#include <optional>

#include "tunnel/base/address.h"
#include "tunnel/base/bytes.h"

namespace culvert::carrier {

struct SocksDatagram {
  SocketAddress peer;  // from the proxy: whence it came; to it: where it shall go
  Bytes data;          // borrowed
};

void append_socks_header(ByteVector& out, const SocketAddress& to);
inline std::size_t socks_header_size(const SocketAddress& to) { return 6 + to.ip.bit_count() / 8; }

std::optional<SocksDatagram> read_socks_datagram(Bytes packet);  // nothing: not one for us

// Of ATYP 1 or 4 and what follows it, as messages on the control connection have it, too. `size`:
// octets with the port.
struct SocksAddress {
  SocketAddress at;
  std::size_t size = 0;
};
std::optional<SocksAddress> read_socks_address(Bytes from_type);  // nothing: another type, or short

}  // namespace culvert::carrier
