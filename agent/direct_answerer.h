// agent/direct_answerer.h: the other side of direct_caller.h, for one session that was answered
// here: answers each offer with our own, and dials back to the caller, who may be the one that is
// let in. A connection that comes about is the caller's to greet on: it is answered like one that
// came to our own direct port.
#pragma once
#include <list>
#include <memory>

#include "agent/direct_dial.h"
#include "agent/own_endpoint.h"
#include "agent/own_place.h"
#include "agent/peer_way.h"
#include "agent/udp_place.h"
#include "tunnel/session/session_link.h"

namespace culvert::agent {

class DirectAnswerer final : private DirectDial::Listener {
 public:
  static constexpr std::chrono::milliseconds kLeastPause{
      500};  // offers that come faster are ignored

  class Listener {
   public:
    virtual void on_dialled_back(std::unique_ptr<loop::BytePipe> pipe, PeerWay way) = 0;

   protected:
    ~Listener() = default;
  };

  DirectAnswerer(const OwnEndpoint& self, const OwnPlace& place, UdpPlace& udp,
                 session::SessionLink& link, const crypto::PublicKey& peer, Listener& listener);

  void take(const control::Offer& offer, const std::optional<SocketAddress>& caller_seen);
  void place_changed();  // asks the caller for another round

 private:
  void on_direct_dialled(DirectDial& dial, std::unique_ptr<loop::BytePipe> pipe) override;
  void send_offer(std::uint32_t round, std::uint16_t port);

  const OwnEndpoint& self_;
  const OwnPlace& place_;
  UdpPlace& udp_;
  session::SessionLink& link_;
  crypto::PublicKey peer_;
  Listener& listener_;
  TimePoint answered_at_{};
  control::OfferToken caller_token_{};
  std::list<std::unique_ptr<DirectDial>> dialling_;
};

}  // namespace culvert::agent
