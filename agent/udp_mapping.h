// agent/udp_mapping.h: whether packets from outside come in by the port that the gateway says it
// maps to our UDP socket. A discovery server is asked from another socket to answer to that port
// (RESPONSE-PORT, RFC 5780 section 7.5), so its answer gets here by the mapping or not at all.
#pragma once
#include <memory>
#include <optional>

#include "agent/udp_place.h"
#include "tunnel/control/offer.h"
#include "tunnel/stun/message.h"

namespace culvert::agent {

class UdpMapping final : private UdpPlace::StunEar, private loop::Timer::Listener {
 public:
  static constexpr int kTries = 4;
  static constexpr std::chrono::milliseconds kPause{250};  // doubles with each try

  class Listener {
   public:
    virtual void on_udp_mapping_tried() = 0;  // tried() is another one

   protected:
    ~Listener() = default;
  };

  UdpMapping(const OwnEndpoint& self, UdpPlace& udp, Listener& listener);
  ~UdpMapping();

  void set(std::uint16_t port);  // outside; 0: none is mapped
  void try_again();              // we are seen elsewhere, or the servers are others
  control::Inbound tried() const { return tried_; }
  // Packets that are sent there come in; 0: none.
  std::uint16_t port() const {
    return tried_ == control::Inbound::kOpen ? port_ : std::uint16_t{0};
  }

 private:
  bool on_stun(const loop::UdpSocket& socket, const SocketAddress& from, Bytes message) override;
  void on_timer(loop::Timer& timer) override;
  void conclude(control::Inbound tried);

  const OwnEndpoint& self_;
  UdpPlace& udp_;
  Listener& listener_;
  std::uint16_t port_ = 0;
  control::Inbound tried_ = control::Inbound::kUnknown;
  std::unique_ptr<loop::UdpSocket> socket_;  // while it is tried
  stun::TransactionId id_{};
  int tries_ = 0;
  loop::Timer timer_;
};

}  // namespace culvert::agent
