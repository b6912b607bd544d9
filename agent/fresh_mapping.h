// agent/fresh_mapping.h: asks a discovery server from a new socket where it sees that one: a
// mapping that begins now.
#pragma once
#include <optional>

#include "agent/udp_place.h"

namespace culvert::agent {

class FreshMapping final : private UdpPlace::StunEar, private loop::Timer::Listener {
 public:
  class Listener {
   public:
    // Once; never inside the constructor. Nothing: no answer.
    virtual void on_fresh_mapping(const std::optional<SocketAddress>& mapped) = 0;

   protected:
    ~Listener() = default;
  };

  // `socket` outlives it. Without a server it says so from the loop.
  FreshMapping(const OwnEndpoint& self, UdpPlace& udp, const loop::UdpSocket& socket,
               const std::optional<SocketAddress>& server, Listener& listener);
  ~FreshMapping();

 private:
  bool on_stun(const loop::UdpSocket& socket, const SocketAddress& from, Bytes message) override;
  void on_timer(loop::Timer& timer) override;

  const OwnEndpoint& self_;
  UdpPlace& udp_;
  const loop::UdpSocket& socket_;
  Listener& listener_;
  stun::Survey survey_;
  loop::Timer timer_;
};

}  // namespace culvert::agent
