// tunnel/portmap/nat_pmp.h: NAT Port Mapping Protocol messages (RFC 6886) as values. Sans-IO.
//
// Nothing in an answer proves that it is the gateway's: no more than its address, and that it fits
// a question. So what it says is only tried, never believed.
#pragma once
#include <optional>
#include <string>

#include "tunnel/base/bytes.h"
#include "tunnel/portmap/mapping.h"

namespace culvert::portmap {

ByteVector encode_nat_pmp_address_request();  // 2 octets: what is the external address?
// 12 octets. Lifetime in seconds; 0, with `suggested` 0: delete the mapping.
ByteVector encode_nat_pmp_map(const Port& internal, std::uint16_t suggested,
                              std::uint32_t lifetime);

struct NatPmpAnswer {
  std::uint16_t result = 0;  // 0: success
  std::uint32_t epoch = 0;   // seconds since the gateway lost its state (epoch.h)
  struct Map {
    Port internal;
    std::uint16_t external = 0;
    std::uint32_t lifetime = 0;
  };
  // Of a success one of the two; of a failure `map`, if it can be told what for.
  std::optional<IpAddress> external;
  std::optional<Map> map;
};
inline constexpr std::uint16_t kNatPmpUnsupportedVersion = 1;
// kProtocol: malformed, or no answer.
Result<NatPmpAnswer> decode_nat_pmp_answer(Bytes datagram);

std::string nat_pmp_result_text(std::uint16_t result);  // for people: "out of resources"

}  // namespace culvert::portmap
