// agent/quic_caller.h: brings a session that was begun here to its UDP path, streams and all, as
// QUIC (tunnel/quic), where no TCP path was found in time. The answerer's side is quic_answerer.h.
//
//   relay --kTcpHeadStart, and it has traffic--> a UDP path is wanted --up--> QUIC --> introduced
//   by DirectCaller --> moved --(the path dies, or is left to die unused)--> relay
//
// A session without traffic stays where it is: nothing is probed or kept open for it.
#pragma once
#include "agent/direct_caller.h"
#include "agent/quic_channel.h"

namespace culvert::agent {

class QuicCaller final : private UdpPath::User, private loop::Timer::Listener {
 public:
  static constexpr std::chrono::seconds kTcpHeadStart{2}, kMostPause{32};
  static constexpr std::uint64_t kTraffic = 1024;  // octets in a pause; PINGs are fewer

  QuicCaller(const OwnEndpoint& self, UdpPath& path, DirectCaller& direct,
             const session::SessionLink& link);
  ~QuicCaller();
  void begin();  // the session is on the relay

 private:
  void on_udp_path_up(UdpPath& path) override;
  void on_udp_path_down(UdpPath& path) override;
  void on_udp_packet(UdpPath& path, Bytes packet) override;
  void on_timer(loop::Timer& timer) override;
  void open();
  std::uint64_t octets() const;

  const OwnEndpoint& self_;
  UdpPath& path_;
  DirectCaller& direct_;
  const session::SessionLink& link_;
  QuicChannel* channel_ = nullptr;  // of the pipe that is being introduced, or carries the session
  bool wanted_ = false;
  std::uint64_t seen_ = 0;
  Duration pause_{};
  loop::Timer timer_;
};

}  // namespace culvert::agent
