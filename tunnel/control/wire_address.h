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

inline std::optional<SocketAddress> read_address(Bytes bytes) {
  if (bytes.size() != 6 && bytes.size() != 18) return std::nullopt;
  Reader in(bytes);
  SocketAddress address;
  if (bytes.size() == 6) {
    address.ip = IpAddress::v4(in.u32());
  } else {
    std::array<std::uint8_t, 16> octets{};
    std::ranges::copy(std::span{as_u8(in.take(16)), 16}, octets.begin());
    address.ip = IpAddress::v6(octets);
  }
  address.port = in.u16();
  return address;
}

}  // namespace culvert::control
