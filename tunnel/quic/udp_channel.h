// tunnel/quic/udp_channel.h: a DatagramChannel that has a connected UDP socket for itself. For
// tests and measurements; a punched path is shared, and has an edge of its own.
#pragma once
#include "tunnel/loop/udp_socket.h"
#include "tunnel/quic/datagram_channel.h"

namespace culvert::quic {

class UdpChannel final : public DatagramChannel, private loop::UdpSocket::Listener {
 public:
  UdpChannel(loop::Loop& loop, UniqueFd connected) : socket_(loop, std::move(connected), *this) {}

  void set_listener(DatagramChannel::Listener* listener) override { listener_ = listener; }
  std::size_t send(std::span<const Bytes> datagrams) override;

 private:
  void on_received(loop::UdpSocket&, const SocketAddress&, Bytes data,
                   std::size_t segment) override {
    if (listener_ != nullptr) listener_->on_datagrams(data, segment);
  }
  // The peer's socket may not be there yet, or no more: the connection finds out by itself.
  void on_receive_failed(loop::UdpSocket&, int) override {}

  DatagramChannel::Listener* listener_ = nullptr;
  loop::UdpSocket socket_;
};

}  // namespace culvert::quic
