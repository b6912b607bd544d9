// agent/udp_witness.h: at which addresses this endpoint receives by UDP, IPv4 and IPv6, besides the
// one that its session comes from, and the service's word for it, which peers believe: a discovery
// server's answer carries a proof, the service signs what the proof shows (PROTOCOL.md
// section 7.2). Where no UDP comes back of the family that the session does not have, TCP is asked.
//
// Asks in the background when somebody looks for a path and what is known is old; nobody waits for
// it. A service without proofs is no error: there are no such addresses then.
#pragma once
#include <array>

#include "agent/own_place.h"
#include "agent/stream_witness.h"
#include "agent/udp_place.h"

namespace culvert::agent {

class UdpWitness final : private UdpPlace::StunEar,
                         private StreamWitness::Listener,
                         private loop::Timer::Listener {
 public:
  static constexpr std::chrono::minutes kAskAgain{60};  // half of what a statement is good for

  class Listener {
   public:
    virtual void on_address_proof(const control::ProveAddress& proof) = 0;  // for the service
    virtual void on_address_stated() = 0;                                   // news for peers

   protected:
    ~Listener() = default;
  };

  UdpWitness(const OwnEndpoint& self, UdpPlace& udp, OwnPlace& place, Listener& listener);
  ~UdpWitness();
  void look();  // the network is another one, perhaps, or the servers
  void take(const control::AddressStated& stated);

 private:
  bool on_stun(const loop::UdpSocket& socket, const SocketAddress& from, Bytes message) override;
  void on_look() override;
  void on_stream_seen(const StreamWitness& witness) override;
  void on_timer(loop::Timer& timer) override;
  void conclude();
  void take_seen(const IpAddress& seen, const std::optional<stun::AddressProof>& proof);
  void forget(bool v4);  // that family leads nowhere

  const OwnEndpoint& self_;
  UdpPlace& udp_;
  OwnPlace& place_;
  Listener& listener_;
  std::optional<stun::Survey> survey_;
  std::optional<StreamWitness> by_stream_;
  std::optional<TimePoint> asked_at_;
  loop::Timer timer_;
};

}  // namespace culvert::agent
