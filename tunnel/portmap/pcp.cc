#include "tunnel/portmap/pcp.h"

#include "tunnel/base/byte_codec.h"

namespace culvert::portmap {
namespace {

constexpr std::uint8_t kVersion = 2, kResponse = 0x80;
constexpr std::size_t kHeader = 24, kMapSize = 60, kMostOctets = 1100;  // section 7

// IPv4 as IPv4-mapped IPv6 address (section 5).
void write_address(Writer& out, const IpAddress& address) {
  if (!address.is_v4()) return out.bytes(address.wire());
  out.u64(0);
  out.u32(0xffff);
  out.u32(address.v4_value());
}

void write_header(Writer& out, PcpOpcode opcode, std::uint32_t lifetime, const IpAddress& client) {
  out.u8(kVersion);
  out.u8(static_cast<std::uint8_t>(opcode));
  out.u16(0);
  out.u32(lifetime);
  write_address(out, client);
}

}  // namespace

ByteVector encode_pcp_announce(const IpAddress& client) {
  ByteVector octets;
  Writer out(octets);
  write_header(out, PcpOpcode::kAnnounce, 0, client);
  return octets;
}

ByteVector encode(const PcpMapRequest& request) {
  ByteVector octets;
  Writer out(octets);
  write_header(out, PcpOpcode::kMap, request.lifetime, request.client);
  out.bytes(request.nonce);
  out.u8(static_cast<std::uint8_t>(request.internal.protocol));
  out.u8(0);
  out.u16(0);
  out.u16(request.internal.number);
  out.u16(request.suggested.port);
  write_address(out, request.suggested.ip);
  return octets;
}

Result<PcpAnswer> decode_pcp_answer(Bytes datagram) {
  if (datagram.size() < kHeader || datagram.size() > kMostOctets || datagram.size() % 4 != 0)
    return fail(ErrorCode::kProtocol, "no PCP message has this size");
  Reader in(datagram);
  const auto version = in.u8(), kind = in.u8();
  PcpAnswer answer;
  in.u8();
  answer.result = in.u8();
  answer.lifetime = in.u32();
  answer.epoch = in.u32();
  in.take(12);
  // A server of another version answers with its own, and says so in the result.
  if ((kind & kResponse) == 0 || (version != kVersion && answer.result != kPcpUnsupportedVersion))
    return fail(ErrorCode::kProtocol, "not a PCP answer");
  const auto opcode = static_cast<std::uint8_t>(kind & ~kResponse);
  if (opcode > static_cast<std::uint8_t>(PcpOpcode::kMap))
    return fail(ErrorCode::kProtocol, "a PCP answer to what was not asked");
  answer.opcode = static_cast<PcpOpcode>(opcode);
  if (answer.opcode != PcpOpcode::kMap) return answer;
  if (datagram.size() < kMapSize) {
    if (answer.result == kPcpUnsupportedVersion) return answer;  // it need not know our format
    return fail(ErrorCode::kProtocol, "a PCP answer that ends too early");
  }
  PcpAnswer::Map map;
  map.nonce = in.array<12>();
  const auto protocol = in.u8();
  in.take(3);
  map.internal = {static_cast<Protocol>(protocol), in.u16()};
  map.external.port = in.u16();
  const auto octets = in.take(16);
  std::array<std::uint8_t, 16> address{};
  std::copy_n(as_u8(octets), address.size(), address.begin());
  map.external.ip = IpAddress::v6(address).canonical();
  if (protocol != static_cast<std::uint8_t>(Protocol::kTcp) &&
      protocol != static_cast<std::uint8_t>(Protocol::kUdp))
    return fail(ErrorCode::kProtocol, "a PCP answer for another protocol");
  answer.map = map;
  return answer;
}

std::string pcp_result_text(std::uint8_t result) {
  static constexpr const char* kTexts[] = {
      "success",
      "another version of the protocol is spoken there",
      "not authorized",
      "it calls the request malformed",
      "the operation is not supported",
      "an option is not supported",
      "it calls an option malformed",
      "network failure",
      "no resources",
      "the protocol is not supported",
      "the quota of this machine is used up",
      "the external address cannot be provided",
      "another NAT is in between (address mismatch)",
      "too many remote peers",
  };
  if (result < std::size(kTexts)) return kTexts[result];
  return "result " + std::to_string(result);
}

}  // namespace culvert::portmap
