// tunnel/control/wire_address.h: a socket address as octets (PROTOCOL.md section 3): the address (4
// or 16 octets, whose number the field around it tells), then u16 port.
#pragma once
#include <optional>

#include "tunnel/base/address.h"
#include "tunnel/base/byte_codec.h"

namespace culvert::control {

inline void append_address(ByteVector& out, const SocketAddress& address) {
  append(out, address.ip.wire());
  Writer(out).u16(address.port);
}

inline std::optional<SocketAddress> read_address(Bytes bytes) {
  if (bytes.size() < 2) return std::nullopt;
  const auto ip = IpAddress::from_wire(bytes.first(bytes.size() - 2));
  if (!ip) return std::nullopt;
  return SocketAddress{*ip, load_be<std::uint16_t>(bytes.last(2).data())};
}

}  // namespace culvert::control
