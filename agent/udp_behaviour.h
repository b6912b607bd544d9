// agent/udp_behaviour.h: what stands between this machine and the discovery servers, as RFC 5780
// finds it out: for people (culvert status). From a socket of its own, as it would open the barrier
// for the one that peers use. Takes two seconds behind most barriers.
#pragma once
#include <optional>

#include "agent/own_endpoint.h"
#include "tunnel/loop/timer.h"
#include "tunnel/loop/udp_socket.h"
#include "tunnel/stun/behaviour.h"

namespace culvert::agent {

class UdpBehaviour final : private loop::UdpSocket::Listener, private loop::Timer::Listener {
 public:
  explicit UdpBehaviour(const OwnEndpoint& self) : self_(self), timer_(self.loop, *this) {}
  void begin(const SocketAddress& server);  // what was known is forgotten
  // Once it is known.
  const std::optional<stun::Behaviour>& result() const { return result_; }

 private:
  void on_received(loop::UdpSocket& socket, const SocketAddress& from, Bytes data,
                   std::size_t segment) override;
  void on_receive_failed(loop::UdpSocket&, int) override {}
  void on_timer(loop::Timer& timer) override;

  const OwnEndpoint& self_;
  std::optional<loop::UdpSocket> socket_;
  std::optional<stun::BehaviourTest> test_;
  std::optional<stun::Behaviour> result_;
  loop::Timer timer_;
};

}  // namespace culvert::agent
