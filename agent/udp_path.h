// agent/udp_path.h: the UDP path of one session between two endpoints, beside whatever carries the
// session. Looked for when somebody wants it (a datagram to be sent, want()), at most one round at
// a time, with growing pauses after failures; the session carries everything meanwhile and whenever
// there is none.
//
//   resting -> looking (what do the discovery servers see?) -> offered -> probing -> up
//      ^----------\----------------------------------------------\---------\-> resting
//
// Each side judges the direction in which it sends by itself: up() means that what is sent here
// arrives there. A path that is not used for path::kIdle is left to die, without timers.
//
// Where mappings were seen to die at one age in spite of use (punch::Lifetimes), both sides take
// new sockets before that age, find each other by these beside, and move there.
//
// Two users: datagrams of the session's streams, sealed here; and one that brings packets sealed by
// itself (a transport of its own), which travel with five octets in front and are told apart by the
// path they name, so two sessions between the same two addresses do not meet.
#pragma once
#include <memory>
#include <optional>
#include <string>

#include "agent/fresh_mapping.h"
#include "agent/own_place.h"
#include "agent/proxy_udp.h"
#include "agent/udp_burst.h"
#include "agent/udp_place.h"
#include "tunnel/mux/arrived_batch.h"
#include "tunnel/path/path.h"
#include "tunnel/punch/patience.h"
#include "tunnel/session/session_link.h"

namespace culvert::agent {

class UdpPath final : private session::SessionLink::DatagramPath,
                      private UdpPlace::Waiter,
                      private UdpPlace::Receiver,
                      private ProxyUdp::Waiter,
                      private RelayLeg::Listener,
                      private FreshMapping::Listener,
                      private loop::Timer::Listener,
                      private loop::Deferred {
 public:
  enum class Role : std::uint8_t { kCaller, kAnswerer };
  static constexpr std::chrono::seconds kAnswerLimit{5};         // for the peer's offer
  static constexpr std::chrono::seconds kAskAgain{2};            // answerer: for a round
  static constexpr std::chrono::milliseconds kLeastPause{500};   // between rounds of the peer's
  static constexpr std::chrono::milliseconds kOpenerMargin{40};  // besides a round trip
  // Where peers are let in by a mapped port, and our packets leave by others.
  static constexpr std::chrono::milliseconds kLetInFirst{500}, kAnswererLetInFirst{1000};
  static constexpr std::chrono::milliseconds kPlainFirst{250};  // then what goes by chance
  static constexpr int kBurstsAtOnce = 3;                 // of two sequences; then growing pauses
  static constexpr std::chrono::seconds kRoundInVain{1};  // where there is nobody to be probed
  static constexpr std::chrono::seconds kRelayAgain{10};  // between invitations to the relay
  static constexpr std::chrono::seconds kRoundOneWay{2};  // where one direction passes at best
  static constexpr std::chrono::seconds kRenewAgain{4};   // where a new mapping led nowhere
  static constexpr std::chrono::seconds kOldSocket{3};  // until one that nobody sends to is closed

  // Of packets that are not sealed here. None of these may destroy the path.
  class User {
   public:
    virtual void on_udp_path_up(UdpPath& path) = 0;    // also: it leads elsewhere now
    virtual void on_udp_path_down(UdpPath& path) = 0;  // send by other ways
    virtual void on_udp_packet(UdpPath& path, Bytes packet) = 0;
    virtual void on_udp_packets_ended(UdpPath&) {}  // of several that came at once

   protected:
    ~User() = default;
  };

  UdpPath(const OwnEndpoint& self, const OwnPlace& place, UdpPlace& udp, session::SessionLink& link,
          Role role);
  ~UdpPath() override;

  // Of the path to the service: the proxy on the way there relays datagrams, perhaps.
  void set_proxy(ProxyUdp& proxy) { proxy_ = &proxy; }
  bool by_proxy() const { return core_.route().socket == ProxyUdp::kSocket; }  // now, or the last
  void set_user(User* user) { user_ = user; }                                  // null: none
  // Whose word, and the service's about it, counts for addresses; or who needs none.
  void set_peer_key(const crypto::PublicKey& key) { peer_key_ = key; }
  void set_peer_stated(std::vector<IpAddress> stated) { peer_stated_ = std::move(stated); }
  bool up() const { return core_.up(); }                     // what is sent here arrives there
  bool is_caller() const { return role_ == Role::kCaller; }  // this side began the session
  SocketAddress local() const { return udp_.local(core_.route().peer.ip.is_v4()); }
  SocketAddress peer() const { return core_.route().peer; }   // while up()
  std::size_t most_octets() const;                            // of a packet, proven to pass
  Duration round_trip() const { return core_.round_trip(); }  // the last known
  // Look for a path, unless it is there, is being looked for, or failed just now.
  void want() override;
  // Of both ends, for one purpose; nothing: the peer has not offered yet.
  std::optional<Secret<32>> key_for(std::string_view purpose) const;
  // While up(); gathered, leaves at the end of this turn. Dropped where the socket has no room.
  void send(Bytes packet);

  // For whoever owns the session. `peer_seen`: where the service sees that peer.
  void take(const control::Message& message, const std::optional<SocketAddress>& peer_seen);
  void place_changed();
  // While not up(): datagrams go by the service, and by UDP from here to there, or from there on. A
  // carrier without the relay is better than half of that.
  bool by_service() const;
  void set_carrier_direct(bool direct) { carrier_is_direct_ = direct; }
  const std::string& why() const { return why_; }  // not up, for people; empty while up
  // Here, whatever became of it since: what was sent arrived there; the shared socket heard the
  // peer.
  bool has_been_up() const { return has_been_up_; }
  bool heard() const { return core_.heard_on(0); }
  bool is_wanted() const { return wanted_; }  // somebody has asked for it

 private:
  bool carry(mux::StreamId stream, Bytes datagram) override;
  void on_udp_seen(const UdpSight& sight) override;
  void on_proxy_udp_looked() override;
  void on_path_packet(const loop::UdpSocket& socket, const SocketAddress& from,
                      Bytes packet) override;
  void on_opaque_packet(const loop::UdpSocket& socket, const SocketAddress& from,
                        Bytes packet) override;
  void on_path_batch_ended() override;
  void on_relayed(std::span<const mux::ArrivedDatagram> packets) override;
  void on_timer(loop::Timer& timer) override;
  void run_deferred() override;

  void take(const control::PathOffer& offer);
  void take_their(const control::PathOffer& offer);
  void on_fresh_mapping(const std::optional<SocketAddress>& mapped) override;
  void begin_beside();
  void probe_beside();
  void renew(bool as_caller);
  std::optional<punch::Lifetimes::Pair> networks_of_route() const;
  std::optional<TimePoint> renew_at() const;
  bool carry_by_service(mux::StreamId stream, Bytes datagram);
  void invite_to_relay();
  void open_relay();
  void keep(const path::Path::Datagram& datagram);
  void begin();
  void offer();
  void send_offer(std::uint16_t port, const std::optional<SocketAddress>& seen);
  bool begin_fresh();
  void probe();
  bool is_let_in() const;
  Duration hold() const;
  bool one_way() const;  // at best
  Duration round_limit(bool nobody) const;
  void add_burst(std::vector<path::Target>& targets, const SocketAddress& peer);
  std::optional<std::size_t> number_of(const loop::UdpSocket& socket) const;
  void send_by(const path::Route& route, const std::vector<Bytes>& packets);
  punch::Plan plan_of_burst(std::size_t budget) const;
  std::size_t left_for_chance() const;
  std::optional<punch::Chances::Pair> networks() const;
  void burst_by_chance();
  void rest(std::string why, Duration pause);
  std::string why_nothing_found() const;
  void look_at_state();
  void arm();
  bool admits(const IpAddress& from) const;
  bool leads_outside(const IpAddress& to) const;
  void note_found();
  std::vector<punch::Dial> dials() const;  // of the peer's offer, now

  const OwnEndpoint& self_;
  const OwnPlace& place_;
  UdpPlace& udp_;
  session::SessionLink& link_;
  Role role_;
  User* user_ = nullptr;
  ProxyUdp* proxy_ = nullptr;
  path::Path core_;
  UdpBurst burst_;
  int bursts_ = 0;  // of predicted ports, in a row, in vain
  SocketAddress burst_to_;
  std::optional<TimePoint> burst_at_;  // by chance, unless something is found before
  bool own_chance_ = false;            // as offered in this round
  punch::Patience patience_;
  punch::Ground ground_;                      // of the last round
  std::optional<control::PathOffer> theirs_;  // the last
  std::optional<SocketAddress> peer_seen_;
  std::optional<crypto::PublicKey> peer_key_;
  std::vector<IpAddress> peer_stated_;  // besides
  UdpSight sight_;
  std::uint32_t round_ = 0;
  bool has_sight_ = false, awaiting_proxy_ = false;  // while looking
  bool looking_ = false, wanted_ = false, carrier_is_direct_ = false, has_been_up_ = false;
  std::optional<RelayLeg> relay_;
  std::optional<TimePoint> invited_at_;
  path::Path::State was_ = path::Path::State::kResting;
  path::Route was_at_;
  std::optional<FreshMapping> fresh_;  // of
  std::size_t fresh_socket_ = 0;
  std::size_t own_socket_ = 0;                              // of IPv4, in this round
  bool from_fresh_ = false;                                 // the next round: the path has died
  std::optional<std::uint32_t> beside_round_;               // caller: the peer's offer is awaited
  TimePoint beside_at_{}, renew_tried_at_{}, probed_at_{};  // the last of them
  TimePoint route_since_{};                                 // its mapping is there
  std::optional<TimePoint> close_old_at_;
  TimePoint up_since_{}, begun_at_{}, rest_until_{};
  std::optional<TimePoint> answer_until_;  // caller: the peer's offer is awaited
  std::optional<TimePoint> armed_for_;
  std::string why_ = "not tried yet: no datagrams were sent";
  loop::Timer timer_;
  // What came in a batch, until its end.
  mux::ArrivedBatch batch_;
  std::vector<ByteVector> opaque_;  // to be sent
};

}  // namespace culvert::agent
