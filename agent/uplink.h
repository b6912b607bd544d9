// agent/uplink.h: keeps one session to the service: finds its address, picks a way
// (route_picker.h), logs in, starts again when it is lost. Directory look-ups wait here while there
// is no session.
//
//   resolving -> racing -> up -> (lost) racing -> up, or waiting -> resolving ...
//
// When the known ways do not lead out at once, proxies are looked for (proxy_finder.h) and join the
// race. While a session runs over a poor way, the better ones are tried again and again, and the
// session moves (uplink_better.cc).
//
// The session outlives its carriers: while one is missing, streams stay open and new ones may be
// opened; only when the service has forgotten the session, or grace has passed, a new one begins.
#pragma once
#include <deque>
#include <list>
#include <memory>
#include <optional>
#include <set>

#include "agent/carrier_attempt.h"
#include "agent/lane_dial.h"
#include "agent/lookups.h"
#include "agent/network_memory.h"
#include "agent/portal_watch.h"
#include "agent/proxy_finder.h"
#include "agent/reconnect_delay.h"
#include "agent/route_picker.h"
#include "agent/snapshot.h"
#include "agent/stream_opening.h"
#include "agent/way_lookup.h"
#include "tunnel/loop/timer.h"

namespace culvert::agent {

class Uplink final : private CarrierAttempt::Listener,
                     private session::SessionLink::Listener,
                     private WayLookup::Listener,
                     private ProxyFinder::Listener,
                     private PortalWatch::Listener,
                     private loop::Timer::Listener {
 public:
  class Listener {
   public:
    virtual void on_uplink_changed() = 0;  // came up, or went down
    virtual void on_incoming(const control::Incoming& incoming) = 0;
    virtual void on_inbound_tried(const control::InboundTried& outcome) = 0;
    virtual void on_discovery_servers(const control::DiscoveryServers& servers) = 0;
    // There is one; it is about to go (null).
    virtual void on_uplink_session(session::SessionLink* link) = 0;
    virtual void on_path_message(const control::Message& message) = 0;  // PathOffer, PathSeen
    virtual void on_certificate(const control::Certificate& fresh) = 0;
    // The service calls, for a host of its own: accept or refuse.
    virtual Result<void> on_hosted_call(session::SessionLink& link, mux::StreamId stream,
                                        const control::Target& target) = 0;
    virtual void on_own_address_stated(const control::AddressStated& stated) = 0;

   protected:
    ~Listener() = default;
  };

  struct Options {
    WayOptions ways;
    std::string remembered_file;  // the ways that worked the last time (network_memory.h)
    ProxySources sources;         // of proxies
    Duration grace{};             // how long a session waits for another carrier
  };

  Uplink(const OwnEndpoint& self, Options options, Listener& listener);
  ~Uplink();
  // Before start(): the session of an earlier process. `next_query`: Lookups::next_query() of it.
  session::SessionLink& go_on(const PeerSnapshot& from, std::uint32_t next_query);
  // If there is a session; nothing may run afterwards. `connects` are for the caller to add.
  std::optional<PeerSnapshot> take_snapshot();
  std::uint32_t next_query() const { return lookups_.next_query(); }
  void start();
  void stop();  // says goodbye to the service; what follows comes from the loop
  bool stopped() const { return stopping_ && link_ == nullptr; }
  // Proxies that users of this machine have set, in place of those before (user_proxies.h).
  void take_hints(std::vector<proxies::Hint> hints);
  void show_certificate();  // this endpoint's, which is another one now
  void network_changed();   // look whether the carrier still works, or try again at once

  // A carrier that goes our way out was lost so soon after it began; if that was early, or nobody
  // answered any more, long packets are suspected: what is dialled sends short ones, in this
  // network from now on, or once.
  void carrier_was_lost(Duration age, bool timed_out);

  // The set of published ports, sent now if the session is up and after each login.
  void publish(std::vector<std::uint16_t> ports);
  void publish_udp(std::vector<std::uint16_t> ports);
  // The set of endpoints whose sessions here may be resumed (control::Expect).
  void expect(std::vector<std::string> callers);
  // Has the service connect to this port of ours, from outside; on_inbound_tried() says how it
  // went.
  void try_inbound(const control::TryInbound& wish);
  // Fails with kExhausted; all else is told to the request's listener.
  Result<void> look_up(control::Lookup::Kind kind, const std::string& name, LookupRequest& request);
  // A stream to an ordinary host. kNetworkUnreachable without a session.
  Result<void> open(const control::Target& target, StreamOpening& opening);

  // Attempts for a session that runs are numbered from here on.
  static constexpr std::size_t kBetter = 1000;
  static constexpr std::chrono::seconds kFirstBetter{5}, kMostBetter{15};  // between them

  enum class State : std::uint8_t { kResolving, kRacing, kUp, kWaiting };
  State state() const { return state_; }
  bool up() const { return state_ == State::kUp; }
  const carrier::Way* way() const { return up() ? &*way_ : nullptr; }
  std::string why() const;                   // this way, or not up
  UnixTime since() const { return since_; }  // in this state
  const session::SessionLink* link() const { return link_.get(); }
  // Our own address, as the service sees it by the present carrier, or saw it by the last one.
  const std::optional<SocketAddress>& seen() const { return seen_; }
  // Whose certificate was shown instead of the service's (interception.h); empty: nobody's.
  const std::string& interceptor() const { return interceptor_; }

 private:
  CarrierAttempt::Greeting greeting_of(CarrierAttempt& attempt) override;
  void on_attempt_up(CarrierAttempt& attempt, session::FreshCarrier carrier) override;
  void on_attempt_failed(CarrierAttempt& attempt, const Error& why, bool refused) override;
  void on_session_up(session::SessionLink&) override {}
  void on_carrier_lost(session::SessionLink& link, const Error& why) override;
  void on_lane_wanted(session::SessionLink& link) override;
  void on_stream_opened(session::SessionLink& link, mux::StreamId stream,
                        const control::Target& target) override;
  void on_control(session::SessionLink& link, const control::Message& message) override;
  void on_session_down(session::SessionLink& link, const Error& why) override;
  void on_ways_looked_up(WayLookup& lookup, Result<WayAddresses> addresses) override;
  void on_proxies_found(const std::vector<carrier::Proxy>& fresh) override;
  void on_proxy_miscalled(const carrier::Proxy& named, proxies::Spoken is) override;
  void on_finding_done() override;
  void on_portal(const std::string& where) override;
  void on_portal_gone() override;
  void on_timer(loop::Timer& timer) override;

  session::SessionLink::Initiator initiator() const;
  void resolve();
  void race();
  void go_without_names();
  void recall_addresses();
  void make_link();
  std::vector<carrier::Way> all_ways() const;  // planned, then found
  void start_attempts();
  void take_turns();
  void watch_for_portal(Duration after);
  void start_finding();
  void look_up_found();
  void found_looked_up(WayAddresses addresses);
  bool may_find_more() const;
  void give_up_if_exhausted();
  bool is_poor(const carrier::Way& way) const;
  void seek_better();
  void start_better();
  void take_turns(std::vector<carrier::Way>& ways);
  void move_to(CarrierAttempt& attempt, session::FreshCarrier carrier);
  void go_by(const carrier::Way& way, session::FreshCarrier carrier, std::string why);
  void wait_and_retry(const std::string& why, Duration most = ReconnectDelay::kMost);
  void enter(State state, std::string why);
  void send_unsent();
  void arm_lookup_timer();
  std::string with_portal(std::string why) const;
  Duration patience() const;
  NetworkMemory memory() const;
  void remember(const carrier::Way& way);
  void remember_exchange();
  carrier::Way with_notes(carrier::Way way) const;

  const OwnEndpoint& self_;
  Options options_;
  Listener& listener_;
  State state_ = State::kWaiting;
  std::string why_ = "it has only begun";
  UnixTime since_;
  TimePoint down_since_, attached_at_;
  bool was_up_ = false, stopping_ = false;
  resolver::DnsClient dns_;
  std::optional<WayLookup> lookup_, found_lookup_;
  std::optional<NetworkFacts> network_;  // of the last race
  bool hints_are_new_ = false;
  bool one_at_a_time_ = false;                      // ways, in this network
  bool small_segments_ = false;                     // in this network
  bool small_once_ = false;                         // of the next carrier
  std::optional<ProxyFinder> finder_;               // of this network
  std::vector<carrier::Proxy> found_, looking_up_;  // still without an address
  std::vector<carrier::Way> found_ways_;
  std::optional<PortalWatch> portal_;  // while nothing leads out
  std::optional<RoutePicker> picker_;
  std::optional<WayAddresses> addresses_;                // as last looked up
  std::string names_failure_;                            // why they are of before, or none
  std::list<std::unique_ptr<CarrierAttempt>> attempts_;  // racing
  std::optional<carrier::Way> way_;                      // of the last winner
  exchange::Capabilities written_;                       // of its notes, as remembered
  std::optional<SocketAddress> seen_;
  std::string interceptor_;
  std::unique_ptr<session::SessionLink> link_;  // from the first attempt on, up or not yet
  LaneDial lane_dial_;
  ReconnectDelay delay_;
  loop::Timer timer_, lookup_timer_, find_timer_, better_timer_;
  std::list<std::unique_ptr<CarrierAttempt>> better_attempts_;
  std::deque<carrier::Way> better_waiting_;  // their turn comes
  Duration better_pause_{};
  std::size_t better_turn_ = 0;
  Lookups lookups_;
  std::vector<std::uint16_t> published_, published_udp_;
  std::vector<std::string> expected_;
};

std::string_view to_string(Uplink::State state);  // "up", "connecting" ...

}  // namespace culvert::agent
