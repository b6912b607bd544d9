// tunnel/portmap/pcp.h: Port Control Protocol messages (RFC 6887) as values: ANNOUNCE and MAP,
// without options. Sans-IO; decodes what anybody may have sent.
#pragma once
#include <array>
#include <optional>
#include <string>

#include "tunnel/base/bytes.h"
#include "tunnel/portmap/mapping.h"

namespace culvert::portmap {

// Who does not know it cannot answer for the gateway. The same for the whole life of a mapping.
using PcpNonce = std::array<std::byte, 12>;

struct PcpMapRequest {
  IpAddress client;  // our own address, as the gateway sees it
  PcpNonce nonce{};
  Port internal;
  std::uint32_t lifetime = 0;  // seconds; 0: delete the mapping
  SocketAddress suggested;     // of the family that is wanted; 0.0.0.0 or ::, and 0: any
};
ByteVector encode(const PcpMapRequest& request);          // 60 octets
ByteVector encode_pcp_announce(const IpAddress& client);  // 24 octets: who is there?

enum class PcpOpcode : std::uint8_t { kAnnounce = 0, kMap = 1 };
inline constexpr std::uint8_t kPcpSuccess = 0, kPcpUnsupportedVersion = 1;

struct PcpAnswer {
  PcpOpcode opcode = PcpOpcode::kAnnounce;
  std::uint8_t result = kPcpSuccess;
  std::uint32_t lifetime = 0;  // seconds; of an error: how long it is expected to last
  std::uint32_t epoch = 0;     // seconds since the server lost its state (epoch.h)
  struct Map {
    PcpNonce nonce{};
    Port internal;
    SocketAddress external;
  };
  std::optional<Map> map;  // of kMap alone
};
// kProtocol: malformed, or no such answer.
Result<PcpAnswer> decode_pcp_answer(Bytes datagram);

std::string pcp_result_text(std::uint8_t result);  // for people: "not authorized"

}  // namespace culvert::portmap
