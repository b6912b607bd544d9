// agent/ip_packet.h: the parts that all forged packets have (RFC 791, RFC 792, RFC 1071).
#pragma once
#include "tunnel/base/address.h"
#include "tunnel/base/bytes.h"

namespace culvert::agent {

// Type 3 of ICMP.
enum class IcmpUnreachable : std::uint8_t {
  kNetwork = 0,
  kHost = 1,
  kPort = 3,
  kProhibited = 13,  // RFC 1812
};

// Over an even number of bytes.
std::uint16_t internet_checksum(Bytes bytes, std::uint32_t sum = 0);
// The kernel fills in identification and checksum; the checksum is computed all the same for the
// copy inside an ICMP message.
void put_ip_header(ByteVector& out, std::uint8_t protocol, std::size_t payload,
                   const IpAddress& from, const IpAddress& to);
// What the network answers to the one who sent a packet: an IP header with `quoted`, the first
// eight octets behind it.
ByteVector make_icmp_unreachable(IcmpUnreachable code, std::uint8_t protocol, std::size_t payload,
                                 const IpAddress& sender, const IpAddress& destination,
                                 Bytes quoted);

// Without a checksum (RFC 768). Nothing if `content` is more than a datagram holds.
ByteVector make_datagram(const SocketAddress& from, const SocketAddress& to, Bytes content);
// About a datagram from a program to a virtual address.
ByteVector make_udp_unreachable(const SocketAddress& program, const SocketAddress& to,
                                IcmpUnreachable code);

}  // namespace culvert::agent
