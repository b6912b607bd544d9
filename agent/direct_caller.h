// agent/direct_caller.h: looks for a direct path for one session that was begun here, while the
// relay carries it, and brings the carrier that the session then moves to.
//
//   resting -> offered -> connecting -> introducing -> direct -> (lost) resting
//                 \------------\-------------\-> resting, with growing pauses
//
// A round begins with an offer inside the session; the peer answers with its own and dials back at
// once (it may be this side that is let in), we dial what its offer admits (punch/candidates.h).
// Whichever connection is there first is introduced: one at a time, as the peer moves the session
// to the last hello it accepts. The session has its old carrier until then.
#pragma once
#include <list>
#include <memory>
#include <vector>

#include "agent/direct_dial.h"
#include "agent/own_endpoint.h"
#include "agent/own_place.h"
#include "agent/peer_way.h"
#include "agent/udp_path.h"
#include "agent/udp_place.h"
#include "tunnel/punch/patience.h"
#include "tunnel/session/session_link.h"

namespace culvert::agent {

class DirectCaller final : private DirectDial::Listener,
                           private session::Introduction::Listener,
                           private loop::Timer::Listener {
 public:
  static constexpr std::chrono::seconds kRoundLimit{6}, kHelloLimit{3};
  static constexpr std::chrono::milliseconds kLanHeadStart{100};
  // Between a round and the next one that news of either side asks for: the peer answers no faster.
  static constexpr std::chrono::seconds kLeastPause{1};

  class Listener {
   public:
    virtual void on_direct_carrier(session::FreshCarrier carrier, PeerWay way) = 0;  // attach it

   protected:
    ~Listener() = default;
  };

  DirectCaller(const OwnEndpoint& self, const OwnPlace& place, UdpPlace& udp,
               session::SessionLink& link, const crypto::PublicKey& peer, Listener& listener);
  ~DirectCaller();

  void set_udp_path(const UdpPath* path) { udp_path_ = path; }  // of the same session; null: none
  void begin();  // a round, now, unless the session is on a direct path
  void place_changed();
  // The peer's offer. `peer_seen`: where the service sees that peer.
  void take(const control::Offer& offer, const std::optional<SocketAddress>& peer_seen);
  bool awaits(const control::OfferToken& token) const;
  void take_reversed(std::unique_ptr<loop::BytePipe> pipe, const SocketAddress& from);
  // Another connection to the peer, to be introduced in its turn.
  void take_pipe(std::unique_ptr<loop::BytePipe> pipe, PeerWay way);
  void carrier_lost();  // of the session, whichever it was

  bool introducing() const { return introduction_.has_value(); }
  bool direct() const { return direct_since_.has_value(); }
  const std::string& why() const { return why_; }  // not direct, for people

 private:
  struct Ready {  // connected, not introduced yet
    std::unique_ptr<loop::BytePipe> pipe;
    PeerWay way;
  };
  void on_direct_dialled(DirectDial& dial, std::unique_ptr<loop::BytePipe> pipe) override;
  void on_introduced(session::Introduction& introduction, session::FreshCarrier carrier) override;
  void on_introduction_failed(session::Introduction& introduction, const Error& why,
                              bool refused) override;
  void on_timer(loop::Timer& timer) override;
  void dial_some(bool lan);
  void introduce_next();
  void end_round();
  void rest(Duration pause);
  std::uint16_t choose_port();

  const OwnEndpoint& self_;
  const OwnPlace& place_;
  UdpPlace& udp_;
  session::SessionLink& link_;
  crypto::PublicKey peer_;
  Listener& listener_;
  punch::Patience patience_{punch::Patience::kAfterStale};
  bool second_;  // port of ours, if both dial at the same time: the peer may be calling us as well
  std::uint16_t own_port_ = 0;        // of this round
  std::optional<TimePoint> lost_at_;  // the path before
  bool from_fresh_ = false;           // the next round, then; in turns
  bool web_tried_ = false;
  bool from_web_ = false;  // the next round: at port 443, as the last one led nowhere
  const UdpPath* udp_path_ = nullptr;
  std::uint32_t round_ = 0;
  bool offered_ = false;  // a round is on, and its token awaited
  bool answered_ = false;
  control::OfferToken token_{};
  control::Inbound peers_inbound_ = control::Inbound::kUnknown;
  std::vector<punch::Dial> dials_;  // not begun yet
  std::list<std::unique_ptr<DirectDial>> dialling_;
  std::list<Ready> ready_;
  std::optional<session::Introduction> introduction_;
  Ready introduced_;  // its pipe is with the introduction
  std::optional<TimePoint> direct_since_;
  TimePoint begun_at_{};
  std::string why_ = "not tried yet";
  std::string tried_;  // families, in this round
  loop::Timer limit_;  // of the round, or of the rest
  loop::Timer head_start_;
  loop::Timer news_;  // to the round that they ask for
};

}  // namespace culvert::agent
