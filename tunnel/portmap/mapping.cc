#include "tunnel/portmap/mapping.h"

#include <algorithm>

namespace culvert::portmap {

std::string_view to_string(Protocol protocol) { return protocol == Protocol::kTcp ? "tcp" : "udp"; }

std::string_view to_string(Method method) {
  switch (method) {
    case Method::kPcp: return "PCP";
    case Method::kNatPmp: return "NAT-PMP";
    case Method::kUpnp: break;
  }
  return "UPnP";
}

bool is_public(const IpAddress& address) {
  const auto meant = address.canonical();
  if (!meant.is_v4()) return (meant.octets()[0] & 0xe0) == 0x20;  // 2000::/3, RFC 4291
  static constexpr struct {
    std::uint32_t network;
    unsigned length;
  } kOthers[] = {
      {0x00000000, 8},  {0x0a000000, 8},  {0x64400000, 10}, {0x7f000000, 8},
      {0xa9fe0000, 16}, {0xac100000, 12}, {0xc0a80000, 16}, {0xe0000000, 3},
  };
  const auto value = meant.v4_value();
  return std::ranges::none_of(kOthers, [&](const auto& other) {
    return (value ^ other.network) >> (32 - other.length) == 0;
  });
}

}  // namespace culvert::portmap
