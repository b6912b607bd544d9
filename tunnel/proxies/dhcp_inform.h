// tunnel/proxies/dhcp_inform.h: what a machine that has its address already asks its DHCP server
// (DHCPINFORM, RFC 2131 section 3.4), and the answer: above all option 252, the PAC script's URL.
//
// Sans-IO. The answer comes from whoever is on the network: every length is checked, text with
// control characters is refused, and nothing in it is trusted.
#pragma once
#include <array>
#include <cstdint>
#include <string>

#include "tunnel/base/address.h"
#include "tunnel/base/bytes.h"

namespace culvert::proxies {

inline constexpr std::uint16_t kDhcpServerPort = 67, kDhcpClientPort = 68;

struct DhcpInform {
  std::uint32_t transaction = 0;  // random
  IpAddress own;                  // IPv4; the answer is sent there
  std::array<std::uint8_t, 6> hardware{};
};
ByteVector encode(const DhcpInform& question);

struct DhcpAnswer {
  std::string pac_url;         // option 252
  std::string captive_portal;  // option 114, RFC 8910
  std::string domain;          // option 15
  bool operator==(const DhcpAnswer&) const = default;
};
// kProtocol: not a DHCPACK of this transaction. Options that make no sense are left out.
Result<DhcpAnswer> decode_dhcp_answer(Bytes packet, std::uint32_t transaction);

}  // namespace culvert::proxies
