// tunnel/portmap/ssdp.h: whether the gateway is a UPnP Internet Gateway Device, and where it
// describes itself (UPnP Device Architecture 1.1, section 1.3). Sans-IO.
//
// The question goes to the gateway first, and then to the multicast group as well: devices of
// version 1.0 need not answer one that was sent to them alone. Whoever else answers there is nobody
// whom a port is opened by.
#pragma once
#include <string>

#include "tunnel/base/address.h"
#include "tunnel/base/bytes.h"

namespace culvert::portmap {

inline constexpr std::size_t kMostUrl = 256;  // octets

ByteVector encode_igd_search(const IpAddress& to);

// Where an HTTP URL leads. Only such with the gateway's own address as host count, of visible ASCII
// characters; so nobody is made to ask at another machine. kProtocol: why not.
struct GatewayUrl {
  std::uint16_t port = 80;
  std::string path;  // with the query
};
Result<GatewayUrl> parse_gateway_url(std::string_view url, const IpAddress& gateway);

// The URL of the description, which has passed parse_gateway_url(). kProtocol: it is no answer of
// such a device.
Result<std::string> decode_igd_answer(Bytes datagram, const IpAddress& gateway);

}  // namespace culvert::portmap
