#include "agent/ip_packet.h"

#include "tunnel/base/byte_codec.h"

namespace culvert::agent {
namespace {

constexpr std::uint8_t kTtl = 64;

}  // namespace

std::uint16_t internet_checksum(Bytes bytes, std::uint32_t sum) {
  for (std::size_t i = 0; i + 1 < bytes.size(); i += 2)
    sum += load_be<std::uint16_t>(bytes.data() + i);
  while ((sum >> 16) != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

void put_ip_header(ByteVector& out, std::uint8_t protocol, std::size_t payload,
                   const IpAddress& from, const IpAddress& to) {
  const auto start = out.size();
  Writer writer(out);
  writer.u8(0x45);
  writer.u8(0);
  writer.u16(static_cast<std::uint16_t>(20 + payload));
  writer.u16(0);
  writer.u16(0x4000);  // do not fragment
  writer.u8(kTtl);
  writer.u8(protocol);
  writer.u16(0);
  writer.u32(from.v4_value());
  writer.u32(to.v4_value());
  store_be(out.data() + start + 10, internet_checksum(Bytes{out}.subspan(start)));
}

ByteVector make_icmp_unreachable(IcmpUnreachable code, std::uint8_t protocol, std::size_t payload,
                                 const IpAddress& sender, const IpAddress& destination,
                                 Bytes quoted) {
  ByteVector out;
  put_ip_header(out, IPPROTO_ICMP, 8 + 28, destination, sender);
  Writer writer(out);
  writer.u8(3);
  writer.u8(static_cast<std::uint8_t>(code));
  writer.u16(0);  // checksum
  writer.u32(0);  // unused
  put_ip_header(out, protocol, payload, sender, destination);
  writer.bytes(quoted);
  store_be(out.data() + 22, internet_checksum(Bytes{out}.subspan(20)));
  return out;
}

ByteVector make_datagram(const SocketAddress& from, const SocketAddress& to, Bytes content) {
  constexpr std::size_t kHeader = 8, kMostContent = 65'535 - 20 - kHeader;
  ByteVector packet;
  if (content.size() > kMostContent) return packet;
  put_ip_header(packet, IPPROTO_UDP, kHeader + content.size(), from.ip, to.ip);
  Writer writer(packet);
  writer.u16(from.port);
  writer.u16(to.port);
  writer.u16(static_cast<std::uint16_t>(kHeader + content.size()));
  writer.u16(0);
  writer.bytes(content);
  return packet;
}

// RFC 768. Its length and checksum are not looked at.
ByteVector make_udp_unreachable(const SocketAddress& program, const SocketAddress& to,
                                IcmpUnreachable code) {
  ByteVector head;
  Writer writer(head);
  writer.u16(program.port);
  writer.u16(to.port);
  writer.u16(8);
  writer.u16(0);
  return make_icmp_unreachable(code, IPPROTO_UDP, head.size(), program.ip, to.ip, head);
}

}  // namespace culvert::agent
