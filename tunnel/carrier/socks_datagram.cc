#include "tunnel/carrier/socks_datagram.h"

#include "tunnel/base/byte_codec.h"

namespace culvert::carrier {
namespace {

constexpr std::size_t kReserved = 2;
constexpr std::byte kWhole{0}, kAddress4{1}, kAddress6{4};

}  // namespace

void append_socks_header(ByteVector& out, const SocketAddress& to) {
  out.insert(out.end(), kReserved, std::byte{0});
  out.push_back(kWhole);
  out.push_back(to.ip.is_v4() ? kAddress4 : kAddress6);
  append(out, to.ip.wire());
  std::array<std::byte, 2> port;
  store_be(port.data(), to.port);
  append(out, port);
}

std::optional<SocksAddress> read_socks_address(Bytes from_type) {
  Reader in(from_type);
  const auto type = std::byte{in.u8()};
  if (type != kAddress4 && type != kAddress6) return std::nullopt;
  const auto ip = IpAddress::from_wire(in.take(type == kAddress4 ? 4 : 16));
  const auto port = in.u16();
  if (!ip || !in.ok()) return std::nullopt;
  return SocksAddress{{*ip, port}, from_type.size() - in.rest().size()};
}

std::optional<SocksDatagram> read_socks_datagram(Bytes packet) {
  if (packet.size() <= kReserved || packet[kReserved] != kWhole) return std::nullopt;
  const auto rest = packet.subspan(kReserved + 1);
  const auto address = read_socks_address(rest);
  if (!address) return std::nullopt;
  return SocksDatagram{address->at, rest.subspan(address->size)};
}

}  // namespace culvert::carrier
