#include "tunnel/base/address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>

#include "tunnel/base/text.h"

namespace culvert {
namespace {

IpAddress v4_from(const std::uint8_t* octets, std::uint8_t flip = 0) {
  std::uint32_t value = 0;
  for (int i = 0; i < 4; ++i) value = value << 8 | static_cast<std::uint8_t>(octets[i] ^ flip);
  return IpAddress::v4(value);
}

}  // namespace

IpAddress IpAddress::v4(std::uint32_t host_order) {
  IpAddress address;
  for (std::size_t i = 0; i < 4; ++i)
    address.octets_[i] = static_cast<std::uint8_t>(host_order >> (24 - 8 * i));
  return address;
}

IpAddress IpAddress::v6(const std::array<std::uint8_t, 16>& octets) {
  IpAddress address;
  address.is_v4_ = false;
  address.octets_ = octets;
  return address;
}

std::optional<IpAddress> IpAddress::from_wire(Bytes octets) {
  if (octets.size() != 4 && octets.size() != 16) return std::nullopt;
  IpAddress address;
  address.is_v4_ = octets.size() == 4;
  std::memcpy(address.octets_.data(), octets.data(), octets.size());
  return address;
}

std::uint32_t IpAddress::v4_value() const {
  return std::uint32_t{octets_[0]} << 24 | std::uint32_t{octets_[1]} << 16 |
         std::uint32_t{octets_[2]} << 8 | octets_[3];
}

Result<IpAddress> IpAddress::parse(std::string_view text) {
  const std::string copy(text);
  in_addr four{};
  if (inet_pton(AF_INET, copy.c_str(), &four) == 1) return v4(ntohl(four.s_addr));
  std::array<std::uint8_t, 16> six{};
  if (inet_pton(AF_INET6, copy.c_str(), six.data()) == 1) return v6(six);
  return fail(ErrorCode::kBadInput, "'" + copy + "' is not an IP address");
}

IpAddress IpAddress::canonical() const {
  if (is_v4_) return *this;
  const auto starts_with = [this](std::initializer_list<std::uint8_t> prefix) {
    return std::equal(prefix.begin(), prefix.end(), octets_.begin());
  };
  const bool zero_to_80 =
      std::all_of(octets_.begin(), octets_.begin() + 10, [](auto octet) { return octet == 0; });
  if (zero_to_80 && octets_[10] == 0xff && octets_[11] == 0xff) return v4_from(&octets_[12]);
  if (zero_to_80 && octets_[10] == 0 && octets_[11] == 0 &&
      (octets_[12] != 0 || octets_[13] != 0 || octets_[14] != 0 || octets_[15] > 1))
    return v4_from(&octets_[12]);  // v4-compatible; :: and ::1 stay what they are
  if (starts_with({0x20, 0x02})) return v4_from(&octets_[2]);         // 6to4
  if (starts_with({0x00, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0}))  // NAT64
    return v4_from(&octets_[12]);
  if (starts_with({0x20, 0x01, 0, 0})) return v4_from(&octets_[12], 0xff);  // Teredo
  return *this;
}

IpAddress IpAddress::v6_network(std::size_t octets) const {
  auto network = canonical();
  if (!network.is_v4_)
    std::fill(network.octets_.begin() + static_cast<std::ptrdiff_t>(octets), network.octets_.end(),
              std::uint8_t{0});
  return network;
}

std::string IpAddress::to_string() const {
  char text[INET6_ADDRSTRLEN];
  inet_ntop(is_v4_ ? AF_INET : AF_INET6, octets_.data(), text, sizeof text);
  return text;
}

Result<IpPrefix> IpPrefix::parse(std::string_view text) {
  const auto slash = text.find('/');
  const auto address = IpAddress::parse(text.substr(0, slash));
  if (!address) return fail(address.error());
  IpPrefix prefix{*address, static_cast<unsigned>(address->bit_count())};
  if (slash != std::string_view::npos && (!parse_number(text.substr(slash + 1), prefix.length) ||
                                          prefix.length > address->bit_count()))
    return fail(ErrorCode::kBadInput, "'" + std::string(text) + "' has no valid prefix length");
  return prefix;
}

bool IpPrefix::contains(const IpAddress& other) const {
  if (address.is_v4() != other.is_v4()) return false;
  unsigned left = length;
  for (std::size_t i = 0; left > 0; ++i) {
    const unsigned bits = std::min(left, 8u);
    const auto mask = static_cast<std::uint8_t>(0xff << (8 - bits));
    if (((address.octets()[i] ^ other.octets()[i]) & mask) != 0) return false;
    left -= bits;
  }
  return true;
}

std::string IpPrefix::to_string() const {
  return address.to_string() + "/" + std::to_string(length);
}

Result<SocketAddress> SocketAddress::parse(std::string_view text) {
  const auto parts = HostPort::parse(text);
  if (!parts) return fail(parts.error());
  const auto ip = IpAddress::parse(parts->host);
  if (!ip) return fail(ip.error());
  return SocketAddress{*ip, parts->port};
}

SocketAddress SocketAddress::from(const sockaddr* address) {
  if (address->sa_family == AF_INET6) {
    sockaddr_in6 six;
    std::memcpy(&six, address, sizeof six);
    std::array<std::uint8_t, 16> octets;
    std::memcpy(octets.data(), &six.sin6_addr, 16);
    return {IpAddress::v6(octets), ntohs(six.sin6_port)};
  }
  sockaddr_in four;
  std::memcpy(&four, address, sizeof four);
  return {IpAddress::v4(ntohl(four.sin_addr.s_addr)), ntohs(four.sin_port)};
}

socklen_t SocketAddress::fill(sockaddr_storage& out) const {
  out = {};
  if (ip.is_v4()) {
    sockaddr_in four{};
    four.sin_family = AF_INET;
    four.sin_port = htons(port);
    four.sin_addr.s_addr = htonl(ip.v4_value());
    std::memcpy(&out, &four, sizeof four);
    return sizeof four;
  }
  sockaddr_in6 six{};
  six.sin6_family = AF_INET6;
  six.sin6_port = htons(port);
  std::memcpy(&six.sin6_addr, ip.octets().data(), 16);
  std::memcpy(&out, &six, sizeof six);
  return sizeof six;
}

std::string SocketAddress::to_string() const { return HostPort{ip.to_string(), port}.to_string(); }

Result<HostPort> HostPort::parse(std::string_view text, std::uint16_t default_port) {
  const auto bad = [&](std::string_view why) {
    return fail(ErrorCode::kBadInput, "'" + std::string(text) + "' " + std::string(why));
  };
  HostPort result{{}, default_port};
  std::string_view port;
  if (!text.empty() && text.front() == '[') {
    const auto close = text.find(']');
    if (close == std::string_view::npos) return bad("lacks the closing ']'");
    result.host = text.substr(1, close - 1);
    const auto behind = text.substr(close + 1);
    if (!behind.empty() && behind.front() != ':')
      return bad("has something other than a port after ']'");
    if (!behind.empty()) port = behind.substr(1);
    if (!behind.empty() && port.empty()) return bad("has an empty port");
  } else {
    const auto colon = text.rfind(':');
    const bool bare_v6 = colon != std::string_view::npos && text.find(':') != colon;
    if (bare_v6) return bad("is ambiguous: write an IPv6 address as [address]:port");
    result.host = text.substr(0, colon);
    if (colon != std::string_view::npos) {
      port = text.substr(colon + 1);
      if (port.empty()) return bad("has an empty port");
    }
  }
  if (result.host.empty()) return bad("has no host");
  const auto is_plain = [](char c) { return c > ' ' && c <= '~' && c != '/' && c != '@'; };
  if (!std::all_of(result.host.begin(), result.host.end(), is_plain))
    return bad(
        "has a character that no host has: write a name in its ASCII form (xn--...), or an "
        "address");
  if (!port.empty() && (!parse_number(port, result.port) || result.port == 0))
    return bad("has no valid port (1 to 65535)");
  if (result.port == 0) return bad("needs a port, as in host:443");
  return result;
}

std::string HostPort::to_string() const {
  const bool six = host.find(':') != std::string::npos;
  return (six ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

}  // namespace culvert
