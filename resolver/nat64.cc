#include "resolver/nat64.h"

#include <algorithm>

namespace culvert::resolver {
namespace {

// The only addresses that the name has (RFC 7050 section 8.2).
constexpr std::uint32_t kWellKnown[] = {0xC00000AA, 0xC00000AB};

// Where the octets of an IPv4 address stand; the one at 8 stays empty.
std::array<std::size_t, 4> places(unsigned length) {
  std::array<std::size_t, 4> out{};
  std::size_t at = length / 8;
  for (auto& place : out) {
    if (at == 8) ++at;
    place = at++;
  }
  return out;
}

std::optional<Nat64Prefix> find(const IpAddress& answer) {
  for (const unsigned length : {96U, 64U, 56U, 48U, 40U, 32U}) {
    std::uint32_t v4 = 0;
    auto rest = answer.octets();
    for (const auto place : places(length)) {
      v4 = v4 << 8 | rest[place];
      rest[place] = 0;
    }
    if (std::ranges::find(kWellKnown, v4) != std::end(kWellKnown)) return Nat64Prefix{rest, length};
  }
  return std::nullopt;
}

}  // namespace

IpAddress Nat64Prefix::embed(const IpAddress& v4) const {
  auto out = octets;
  std::size_t next = 0;
  for (const auto place : places(length)) out[place] = v4.octets()[next++];
  return IpAddress::v6(out);
}

std::vector<Nat64Prefix> find_nat64_prefixes(const std::vector<IpAddress>& answers) {
  std::vector<Nat64Prefix> prefixes;
  for (const auto& answer : answers) {
    if (answer.is_v4()) continue;
    const auto prefix = find(answer);
    if (prefix && std::ranges::find(prefixes, *prefix) == prefixes.end())
      prefixes.push_back(*prefix);
  }
  return prefixes;
}

}  // namespace culvert::resolver
