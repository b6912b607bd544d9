// tunnel/proxies/service_location.h: asks a network for proxies by the Service Location Protocol
// (SLPv2, RFC 2608), and reads the answers. Sans-IO.
//
// One request by multicast, without a directory agent, in the default scope, without predicates and
// authentication. The answer comes from whoever is on the network: every length is checked, text
// with characters that no URL has is refused, and nothing in it is trusted.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "tunnel/base/address.h"
#include "tunnel/base/bytes.h"

namespace culvert::proxies {

inline constexpr std::uint16_t kSlpPort = 427;
inline constexpr std::uint32_t kSlpGroup = 0xeffffffd;  // 239.255.255.253
inline constexpr const char* kSlpTypes[] = {"service:http-proxy", "service:socks"};
inline constexpr std::size_t kMostLocated = 8;  // of one reply

// A SrvRqst; `type` is one of kSlpTypes.
ByteVector encode_service_request(std::string_view type, std::uint16_t transaction);

// The proxies of a SrvRply as proxies are written elsewhere ("http://10.0.0.1:3128"); what is of
// another type, or names a user, is left out. kProtocol: not a reply of this transaction.
Result<std::vector<std::string>> decode_service_reply(Bytes packet, std::uint16_t transaction);

}  // namespace culvert::proxies
