// resolver/nat64.h: how a network of IPv6 alone reaches IPv4 addresses that nobody gives a name of
// (RFC 7050): what its name server answers for kNat64Question shows the prefix of its translator.
// Sans-IO; that the answer is a lie, it cannot know.
#pragma once
#include <optional>
#include <vector>

#include "tunnel/base/address.h"

namespace culvert::resolver {

inline constexpr std::string_view kNat64Question = "ipv4only.arpa";

struct Nat64Prefix {
  std::array<std::uint8_t, 16> octets{};
  unsigned length = 96;  // 32, 40, 48, 56, 64 or 96 (RFC 6052 section 2.2)

  IpAddress embed(const IpAddress& v4) const;
  bool operator==(const Nat64Prefix&) const = default;
};

// Of the addresses of kNat64Question; each prefix once.
std::vector<Nat64Prefix> find_nat64_prefixes(const std::vector<IpAddress>& answers);

}  // namespace culvert::resolver
