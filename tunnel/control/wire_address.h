// tunnel/control/wire_address.h: a socket address as octets (PROTOCOL.md section 3): the address (4
// or 16 octets, whose number the field around it tells), then u16 port.
#pragma once
#include <algorithm>
#include <optional>

#include "tunnel/base/address.h"
#include "tunnel/base/byte_codec.h"

namespace culvert::control {

inline void append_address(ByteVector& out, const SocketAddress& address) {
  const auto octets = std::as_bytes(std::span{address.ip.octets()});
  append(out, octets.first(address.ip.is_v4() ? 4 : 16));
  Writer(out).u16(address.port);
}

inline std::optional<IpAddress> read_ip(Bytes bytes) {
  if (bytes.size() == 4) return IpAddress::v4(load_be<std::uint32_t>(bytes.data()));
  if (bytes.size() != 16) return std::nullopt;
  std::array<std::uint8_t, 16> octets{};
  std::ranges::copy(std::span{as_u8(bytes), 16}, octets.begin());
  return IpAddress::v6(octets);
}

inline std::optional<SocketAddress> read_address(Bytes bytes) {
  if (bytes.size() < 2) return std::nullopt;
  const auto ip = read_ip(bytes.first(bytes.size() - 2));
  if (!ip) return std::nullopt;
  return SocketAddress{*ip, load_be<std::uint16_t>(bytes.last(2).data())};
}

}  // namespace culvert::control
