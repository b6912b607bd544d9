#include "tunnel/portmap/nat_pmp.h"

#include "tunnel/base/byte_codec.h"

namespace culvert::portmap {
namespace {

constexpr std::uint8_t kVersion = 0, kResponse = 0x80;
constexpr std::uint8_t kAddress = 0, kMapUdp = 1, kMapTcp = 2;
constexpr std::size_t kErrorSize = 8, kAddressSize = 12, kMapSize = 16;

}  // namespace

ByteVector encode_nat_pmp_address_request() { return {std::byte{kVersion}, std::byte{kAddress}}; }

ByteVector encode_nat_pmp_map(const Port& internal, std::uint16_t suggested,
                              std::uint32_t lifetime) {
  ByteVector octets;
  Writer out(octets);
  out.u8(kVersion);
  out.u8(internal.protocol == Protocol::kTcp ? kMapTcp : kMapUdp);
  out.u16(0);
  out.u16(internal.number);
  out.u16(suggested);
  out.u32(lifetime);
  return octets;
}

Result<NatPmpAnswer> decode_nat_pmp_answer(Bytes datagram) {
  Reader in(datagram);
  const auto version = in.u8(), kind = in.u8();
  NatPmpAnswer answer;
  answer.result = in.u16();
  answer.epoch = in.u32();
  if (!in.ok() || version != kVersion || kind < kResponse)
    return fail(ErrorCode::kProtocol, "not a NAT-PMP answer");
  const auto opcode = static_cast<std::uint8_t>(kind - kResponse);
  if (opcode == kAddress) {
    if (answer.result != 0 && datagram.size() >= kErrorSize) return answer;
    if (datagram.size() != kAddressSize)
      return fail(ErrorCode::kProtocol, "a NAT-PMP answer of another size");
    answer.external = IpAddress::v4(in.u32());
    return answer;
  }
  if (opcode != kMapUdp && opcode != kMapTcp)
    return fail(ErrorCode::kProtocol, "a NAT-PMP answer to what was not asked");
  if (datagram.size() == kErrorSize && answer.result != 0) return answer;
  if (datagram.size() != kMapSize)
    return fail(ErrorCode::kProtocol, "a NAT-PMP answer of another size");
  NatPmpAnswer::Map map;
  map.internal = {opcode == kMapTcp ? Protocol::kTcp : Protocol::kUdp, in.u16()};
  map.external = in.u16();
  map.lifetime = in.u32();
  answer.map = map;
  return answer;
}

std::string nat_pmp_result_text(std::uint16_t result) {
  static constexpr const char* kTexts[] = {
      "success",        "another version of the protocol is spoken there",
      "not authorized", "network failure: it has no external address itself",
      "no resources",   "the operation is not supported",
  };
  if (result < std::size(kTexts)) return kTexts[result];
  return "result " + std::to_string(result);
}

}  // namespace culvert::portmap
