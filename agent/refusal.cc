#include "agent/refusal.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "tunnel/base/byte_codec.h"

namespace culvert::agent {
namespace {

constexpr std::uint8_t kTtl = 64;
constexpr std::uint8_t kRstAck = 0x14;

// RFC 1071, over an even number of bytes.
std::uint16_t checksum(Bytes bytes, std::uint32_t sum = 0) {
  for (std::size_t i = 0; i + 1 < bytes.size(); i += 2)
    sum += load_be<std::uint16_t>(bytes.data() + i);
  while ((sum >> 16) != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

// RFC 791 section 3.1. The kernel fills in identification and checksum; the checksum is computed
// all the same for the copy inside an ICMP message.
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
  store_be(out.data() + start + 10, checksum(Bytes{out}.subspan(start)));
}

}  // namespace

ByteVector make_reset(const HeldSyn& syn) {
  ByteVector out;
  put_ip_header(out, IPPROTO_TCP, 20, syn.held.ip, syn.program.ip);
  Writer writer(out);
  writer.u16(syn.held.port);
  writer.u16(syn.program.port);
  writer.u32(0);                 // sequence number
  writer.u32(syn.sequence + 1);  // acknowledges the SYN: without that it is ignored in SYN_SENT
  writer.u8(5 << 4);
  writer.u8(kRstAck);
  writer.u16(0);  // window
  writer.u16(0);  // checksum
  writer.u16(0);  // urgent pointer
  // Pseudo header: both addresses (already in the IP header), protocol, length of the TCP part.
  const Bytes whole{out};
  store_be(out.data() + 36, checksum(whole.subspan(12), IPPROTO_TCP + 20));
  return out;
}

ByteVector make_unreachable(const HeldSyn& syn, IcmpUnreachable code) {
  ByteVector out;
  put_ip_header(out, IPPROTO_ICMP, 8 + 28, syn.held.ip, syn.program.ip);
  Writer writer(out);
  writer.u8(3);
  writer.u8(static_cast<std::uint8_t>(code));
  writer.u16(0);  // checksum
  writer.u32(0);  // unused
  // The packet it is about: IP header and the first eight octets behind it.
  put_ip_header(out, IPPROTO_TCP, 20, syn.program.ip, syn.held.ip);
  writer.u16(syn.program.port);
  writer.u16(syn.held.port);
  writer.u32(syn.sequence);
  store_be(out.data() + 22, checksum(Bytes{out}.subspan(20)));
  return out;
}

Result<Refusal> Refusal::open() {
  Refusal refusal;
  refusal.fd_.reset(::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_RAW));
  if (!refusal.fd_)
    return fail(from_errno(errno),
                "cannot make a raw socket: " + std::string(std::strerror(errno)));
  return refusal;
}

bool Refusal::send(const HeldSyn& syn, Bytes packet) {
  sockaddr_storage to{};
  const auto length = SocketAddress{syn.program.ip, 0}.fill(to);
  return sendto(fd_.get(), packet.data(), packet.size(), MSG_NOSIGNAL,
                reinterpret_cast<sockaddr*>(&to), length) == static_cast<ssize_t>(packet.size());
}

}  // namespace culvert::agent
