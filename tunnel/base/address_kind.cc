// What kinds of IP addresses there are (RFC 6890, RFC 4291 section 2.4).
#include <algorithm>

#include "tunnel/base/address.h"

namespace culvert {
namespace {

struct Network {
  std::uint32_t address;
  unsigned length;  // bits, not 0
  bool contains(std::uint32_t value) const { return (value ^ address) >> (32 - length) == 0; }
};

constexpr Network kThisNetwork{0x00000000, 8}, kLoopback{0x7f000000, 8}, kLinkLocal{0xa9fe0000, 16};
constexpr Network kMulticastAndReserved{0xe0000000, 3};
constexpr Network kPrivate[] = {
    {0x0a000000, 8}, {0x64400000, 10}, {0xac100000, 12}, {0xc0a80000, 16}};

// All octets but the last are zero, and that one is `last`.
bool is_small(const IpAddress& six, std::uint8_t last) {
  const auto& octets = six.octets();
  return octets.back() == last &&
         std::all_of(octets.begin(), octets.end() - 1, [](auto octet) { return octet == 0; });
}

}  // namespace

bool IpAddress::is_unspecified() const {
  const auto meant = canonical();
  return meant.is_v4() ? kThisNetwork.contains(meant.v4_value()) : is_small(meant, 0);
}

bool IpAddress::is_loopback() const {
  const auto meant = canonical();
  return meant.is_v4() ? kLoopback.contains(meant.v4_value()) : is_small(meant, 1);
}

bool IpAddress::is_link_local() const {
  const auto meant = canonical();
  if (meant.is_v4()) return kLinkLocal.contains(meant.v4_value());
  return meant.octets_[0] == 0xfe && (meant.octets_[1] & 0xc0) == 0x80;
}

bool IpAddress::is_multicast() const {
  const auto meant = canonical();
  return meant.is_v4() ? kMulticastAndReserved.contains(meant.v4_value())
                       : meant.octets_[0] == 0xff;
}

bool IpAddress::is_global() const {
  const auto meant = canonical();
  if (!meant.is_v4()) return (meant.octets_[0] & 0xe0) == 0x20;  // 2000::/3, RFC 4291
  if (is_unspecified() || is_loopback() || is_link_local() || is_multicast()) return false;
  return std::ranges::none_of(kPrivate,
                              [&](const Network& one) { return one.contains(meant.v4_value()); });
}

}  // namespace culvert
