// tunnel/base/address.h: IP addresses, prefixes and socket addresses as values.
#pragma once
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>

#include "tunnel/base/bytes.h"
#include "tunnel/base/result.h"

namespace culvert {

// An IPv4 or IPv6 address. IPv4 is kept as its own family, never as a v4-mapped IPv6 address;
// canonical() turns the mapped and translated forms into what they mean.
class IpAddress {
 public:
  IpAddress() = default;  // 0.0.0.0
  static IpAddress v4(std::uint32_t host_order);
  static IpAddress v6(const std::array<std::uint8_t, 16>& octets);
  static Result<IpAddress> parse(std::string_view text);    // strict: no names, no ports, no zones
  static std::optional<IpAddress> from_wire(Bytes octets);  // 4 or 16, or it is none

  bool is_v4() const { return is_v4_; }
  std::uint32_t v4_value() const;  // host order; only for IPv4
  const std::array<std::uint8_t, 16>& octets() const { return octets_; }  // IPv4: first four
  // As packets have it: 4 or 16 octets, borrowed.
  Bytes wire() const { return std::as_bytes(std::span{octets_}).first(is_v4_ ? 4 : 16); }
  std::size_t bit_count() const { return is_v4_ ? 32 : 128; }

  // The address that a packet to this one would in effect reach (S2): v4-mapped (RFC 4291),
  // v4-compatible, 6to4 (RFC 3056), NAT64 (RFC 6052) and Teredo (RFC 4380) become IPv4.
  IpAddress canonical() const;
  // Of canonical(): IPv6 keeps its first octets, the others are 0; IPv4 is one whole address.
  IpAddress v6_network(std::size_t octets) const;

  // Each judges canonical().
  bool is_unspecified() const;  // 0.0.0.0/8 (RFC 1122: this machine to connect(2)), ::
  bool is_loopback() const;     // 127.0.0.0/8, ::1
  bool is_link_local() const;   // 169.254.0.0/16, fe80::/10
  bool is_multicast() const;    // 224.0.0.0/4, ff00::/8; also 240.0.0.0/4, which nobody has
  // A unicast address of the Internet, not a private (RFC 1918, RFC 4193) or shared (RFC 6598) one,
  // nor any of the above.
  bool is_global() const;

  std::string to_string() const;
  bool operator==(const IpAddress&) const = default;
  bool operator<(const IpAddress& other) const {  // not <=>: clang-tidy 14 misreads it
    return std::tie(is_v4_, octets_) < std::tie(other.is_v4_, other.octets_);
  }

 private:
  bool is_v4_ = true;
  std::array<std::uint8_t, 16> octets_{};
};

// What one person has got: an IPv4 address, or an IPv6 /64. Limits for each source count by it.
inline IpAddress source_of(const IpAddress& address) { return address.v6_network(8); }

struct IpPrefix {
  IpAddress address;
  unsigned length = 0;                                   // bits
  static Result<IpPrefix> parse(std::string_view text);  // "10.0.0.0/8"; a bare address is a host
  bool contains(const IpAddress& other) const;
  std::string to_string() const;
  bool operator==(const IpPrefix&) const = default;
  bool operator<(const IpPrefix& other) const {
    return std::tie(address, length) < std::tie(other.address, other.length);
  }
};

struct SocketAddress {
  IpAddress ip;
  std::uint16_t port = 0;
  static Result<SocketAddress> parse(std::string_view text);  // "192.0.2.1:80", "[2001:db8::1]:80"
  static SocketAddress from(const sockaddr* address);         // AF_INET or AF_INET6
  socklen_t fill(sockaddr_storage& out) const;
  std::string to_string() const;
  bool operator==(const SocketAddress&) const = default;
  bool operator<(const SocketAddress& other) const {
    return std::tie(ip, port) < std::tie(other.ip, other.port);
  }
};

// "host:port" or "[v6]:port" as a person writes it; host may be a name.
struct HostPort {
  std::string host;
  std::uint16_t port = 0;
  static Result<HostPort> parse(std::string_view text, std::uint16_t default_port = 0);
  std::string to_string() const;
  bool operator==(const HostPort&) const = default;
};

}  // namespace culvert
