#include "tunnel/quic/udp_channel.h"

namespace culvert::quic {

std::size_t UdpChannel::send(std::span<const Bytes> datagrams) {
  loop::UdpWriter writer(socket_.fd(), nullptr);
  for (const auto& one : datagrams) writer.add(one);
  writer.flush();
  return datagrams.size();
}

}  // namespace culvert::quic
