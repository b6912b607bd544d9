// agent/quic_channel.h: the UDP path of a session as a QUIC connection borrows it. The connection
// belongs to a pipe that outlives the path, or dies before it: then the channel is cut, or its
// place is empty.
#pragma once
#include "agent/udp_path.h"
#include "tunnel/quic/datagram_channel.h"

namespace culvert::agent {

class QuicChannel final : public quic::DatagramChannel {
 public:
  // `place`: whose owner hands on what arrives; null again when the channel is gone or cut.
  QuicChannel(UdpPath& path, QuicChannel*& place) : path_(&path), place_(&place) { place = this; }
  ~QuicChannel() override { leave(); }

  void set_listener(Listener* listener) override { listener_ = listener; }
  std::size_t send(std::span<const Bytes> datagrams) override {
    if (path_ != nullptr)
      for (const auto& one : datagrams) path_->send(one);
    return datagrams.size();
  }
  void receive(Bytes datagram) {
    if (listener_ != nullptr) listener_->on_datagrams(datagram, datagram.size());
  }
  void cut(int error) {
    leave();
    if (listener_ != nullptr) listener_->on_channel_broken(error);
  }

 private:
  void leave() {
    if (place_ != nullptr) *place_ = nullptr;
    place_ = nullptr;
    path_ = nullptr;
  }
  UdpPath* path_;
  QuicChannel** place_;
  Listener* listener_ = nullptr;
};

}  // namespace culvert::agent
