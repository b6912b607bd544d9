// agent/peer_session.h: the end-to-end session to one remote endpoint that programs here called:
// its key (looked up, verified, pinned), a carrier of its own to the service, a relay circuit on
// it, the session inside. Made for the first stream, shared by all programs, closed after kIdle
// without streams. When the circuit is lost it calls again, for as long as the grace time. While
// the relay carries it, a direct path is looked for, to which it moves (direct_caller.h).
#pragma once
#include <memory>
#include <optional>
#include <vector>

#include "agent/direct_caller.h"
#include "agent/lane_dial.h"
#include "agent/lookups.h"
#include "agent/own_endpoint.h"
#include "agent/peer_keys.h"
#include "agent/quic_caller.h"
#include "agent/snapshot.h"
#include "agent/stream_opening.h"
#include "agent/udp_path.h"
#include "agent/uplink.h"
#include "tunnel/carrier/carrier_dial.h"
#include "tunnel/loop/timer.h"
#include "tunnel/session/circuit_pipe.h"

namespace culvert::agent {

class PeerSession final : private LookupRequest::Listener,
                          private carrier::CarrierDial::Listener,
                          private session::SessionLink::Listener,
                          private DirectCaller::Listener,
                          private loop::Timer::Listener {
 public:
  static constexpr std::chrono::seconds kIdle{60};
  static constexpr std::size_t kMostWaiting = 4096;
  static constexpr std::chrono::milliseconds kFirstPause{100}, kMostPause{2000};  // between calls
  // To a direct path that is being introduced just when the relay's end was noticed.
  static constexpr std::chrono::milliseconds kDirectPrecedence{300};

  class Listener {
   public:
    // Every stream and every waiting opening has been told before. Destroy it.
    virtual void on_peer_session_ended(PeerSession& session) = 0;

   protected:
    ~Listener() = default;
  };

  PeerSession(const OwnEndpoint& self, const OwnPlace& place, UdpPlace& udp, Uplink& uplink,
              PeerKeys& keys, std::string name, Listener& listener);
  // One that an earlier process began; it calls again.
  PeerSession(const OwnEndpoint& self, const OwnPlace& place, UdpPlace& udp, Uplink& uplink,
              PeerKeys& keys, const PeerSnapshot& from, Listener& listener);
  ~PeerSession();
  // If there is a session; nothing may run on it afterwards. `connects` are for the caller to add.
  std::optional<PeerSnapshot> take_snapshot();

  // The opening is told the stream or the failure, perhaps at once.
  void open(const control::Target& target, StreamOpening& opening);
  void cancel(StreamOpening& opening);  // one that waits and was told nothing yet
  void close(const std::string& reason);
  void network_changed();
  void place_changed();
  DirectCaller* direct() { return direct_ ? &*direct_ : nullptr; }
  const UdpPath* udp() const { return udp_path_ ? &*udp_path_ : nullptr; }
  UdpPath* udp() { return udp_path_ ? &*udp_path_ : nullptr; }  // once it was up
  const PeerWay& way() const { return way_; }
  std::string why_not_direct() const;  // empty: it is

  const std::string& name() const { return name_; }
  const session::SessionLink* link() const { return link_.get(); }
  session::SessionLink* link() { return link_.get(); }
  UnixTime since() const { return since_; }
  // The session will end soon: whoever comes now needs another one.
  bool ending() const { return ending_; }
  // It waits for another carrier in vain: names have been looked up since, and the endpoint has
  // another key now. If so, it ends, perhaps at once.
  bool gave_up_old_key();

 private:
  void on_looked_up(LookupRequest& request, Result<ByteVector> answer) override;
  void on_carrier(carrier::CarrierDial& dial, std::unique_ptr<loop::BytePipe> pipe,
                  const Error& why) override;
  void on_session_up(session::SessionLink& link) override;
  void on_carrier_lost(session::SessionLink& link, const Error& why) override;
  void on_carrier_attached(session::SessionLink& link) override;
  void on_lane_wanted(session::SessionLink& link) override;
  void on_stream_opened(session::SessionLink& link, mux::StreamId stream,
                        const control::Target& target) override;
  void on_control(session::SessionLink& link, const control::Message& message) override;
  void on_direct_carrier(session::FreshCarrier carrier, PeerWay way) override;
  void on_session_down(session::SessionLink& link, const Error& why) override;
  void on_timer(loop::Timer& timer) override;

  session::SessionLink::Initiator initiator() const;
  void begin();
  void dial();
  void call_again_later();
  void drop_lane();
  void fail_all(const Error& why);
  void end(const Error& why);
  void look_for_direct();
  void open_now(const control::Target& target, StreamOpening& opening);

  const OwnEndpoint& self_;
  const OwnPlace& place_;
  UdpPlace& udp_;
  Uplink& uplink_;
  PeerKeys& keys_;
  std::string name_;
  Listener& listener_;
  UnixTime since_;
  crypto::PublicKey key_;
  struct Waiting {
    control::Target target;
    StreamOpening* opening;
  };
  std::vector<Waiting> waiting_;
  std::optional<LookupRequest> lookup_;
  std::optional<carrier::CarrierDial> dial_;
  std::shared_ptr<session::CircuitNews> news_ = std::make_shared<session::CircuitNews>();
  std::unique_ptr<session::SessionLink> link_;
  LaneDial lane_dial_;
  std::optional<DirectCaller> direct_;  // once it was up; borrows link_
  std::optional<UdpPath> udp_path_;     // likewise
  std::optional<QuicCaller> quic_;      // borrows all three
  PeerWay way_;
  TimePoint carrier_since_{};  // was dialled, or is attached
  loop::Timer timer_;          // begin() from the loop; then: idle
  loop::Timer again_;          // the next call, after a circuit was lost
  Duration pause_{};
  TimePoint give_up_at_{};  // while it was not up yet
  bool begun_ = false, was_up_ = false, ending_ = false;
};

}  // namespace culvert::agent
