// agent/quic_answerer.h: the other side of quic_caller.h: answers the QUIC connections that the
// caller of a session opens on its UDP path. Each that shows the session's key becomes a pipe, on
// which the caller greets like on any direct connection; the newest has the path.
#pragma once
#include "agent/direct_answerer.h"
#include "agent/quic_channel.h"
#include "tunnel/quic/connection.h"

namespace culvert::agent {

class QuicAnswerer final : private UdpPath::User {
 public:
  QuicAnswerer(const OwnEndpoint& self, UdpPath& path, DirectAnswerer::Listener& listener);
  ~QuicAnswerer();

 private:
  void on_udp_path_up(UdpPath&) override {}
  void on_udp_path_down(UdpPath& path) override;
  void on_udp_packet(UdpPath& path, Bytes packet) override;
  void open_if_new(Bytes packet);

  const OwnEndpoint& self_;
  UdpPath& path_;
  DirectAnswerer::Listener& listener_;
  QuicChannel* channel_ = nullptr;  // of the newest
  quic::Connection::OpeningId newest_{};
};

}  // namespace culvert::agent
