#include "agent/refusal.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "tunnel/base/byte_codec.h"

namespace culvert::agent {
namespace {

constexpr std::uint8_t kRstAck = 0x14;

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
  store_be(out.data() + 36, internet_checksum(whole.subspan(12), IPPROTO_TCP + 20));
  return out;
}

ByteVector make_unreachable(const HeldSyn& syn, IcmpUnreachable code) {
  ByteVector head;
  Writer writer(head);
  writer.u16(syn.program.port);
  writer.u16(syn.held.port);
  writer.u32(syn.sequence);
  return make_icmp_unreachable(code, IPPROTO_TCP, 20, syn.program.ip, syn.held.ip, head);
}

Result<Refusal> Refusal::open(std::uint32_t mark) {
  Refusal refusal;
  refusal.fd_.reset(::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_RAW));
  if (!refusal.fd_)
    return fail(from_errno(errno),
                "cannot make a raw socket: " + std::string(std::strerror(errno)));
  if (mark != 0 && setsockopt(refusal.fd_.get(), SOL_SOCKET, SO_MARK, &mark, sizeof mark) != 0)
    return fail(from_errno(errno),
                "cannot mark a raw socket: " + std::string(std::strerror(errno)));
  return refusal;
}

bool Refusal::send(const IpAddress& program, Bytes packet) {
  sockaddr_storage to{};
  const auto length = SocketAddress{program, 0}.fill(to);
  return sendto(fd_.get(), packet.data(), packet.size(), MSG_NOSIGNAL,
                reinterpret_cast<sockaddr*>(&to), length) == static_cast<ssize_t>(packet.size());
}

}  // namespace culvert::agent
