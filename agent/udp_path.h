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
// Two users: datagrams of the session's streams, sealed here; and one that brings packets sealed by
// itself (a transport of its own), which travel with five octets in front and are told apart by the
// path they name, so two sessions between the same two addresses do not meet.
#pragma once
#include <memory>
#include <optional>
#include <string>

#include "agent/own_place.h"
#include "agent/udp_place.h"
#include "tunnel/path/path.h"
#include "tunnel/punch/patience.h"
#include "tunnel/punch/plan.h"
#include "tunnel/session/session_link.h"

namespace culvert::agent {

class UdpPath final : private session::SessionLink::DatagramPath,
                      private UdpPlace::Waiter,
                      private UdpPlace::Receiver,
                      private loop::Timer::Listener,
                      private loop::Deferred {
 public:
  enum class Role : std::uint8_t { kCaller, kAnswerer };
  static constexpr std::chrono::seconds kAnswerLimit{5};        // for the peer's offer
  static constexpr std::chrono::seconds kAskAgain{2};           // answerer: for a round
  static constexpr std::chrono::milliseconds kLeastPause{500};  // between rounds of the peer's
  static constexpr int kBurstsAtOnce = 3;                 // of two sequences; then growing pauses
  static constexpr std::chrono::seconds kRoundInVain{1};  // where there is nobody to be probed

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

  void set_user(User* user) { user_ = user; }                // null: none
  bool up() const { return core_.up(); }                     // what is sent here arrives there
  bool is_caller() const { return role_ == Role::kCaller; }  // this side began the session
  SocketAddress local() const { return udp_.local(); }
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
  const std::string& why() const { return why_; }  // not up, for people; empty while up
  bool is_wanted() const { return wanted_; }       // somebody has asked for it

 private:
  bool carry(mux::StreamId stream, Bytes datagram) override;
  void on_udp_seen(const UdpSight& sight) override;
  void on_path_packet(const loop::UdpSocket& socket, const SocketAddress& from,
                      Bytes packet) override;
  void on_opaque_packet(const loop::UdpSocket& socket, const SocketAddress& from,
                        Bytes packet) override;
  void on_path_batch_ended() override;
  void on_timer(loop::Timer& timer) override;
  void run_deferred() override;

  void take(const control::PathOffer& offer);
  void begin();
  void probe();
  void add_burst(std::vector<path::Target>& targets, const SocketAddress& peer);
  std::optional<std::size_t> number_of(const loop::UdpSocket& socket) const;
  int fd_of(std::size_t socket) const;
  void close_unused();
  void rest(std::string why, Duration pause);
  std::string why_nothing_found() const;
  void look_at_state();
  void arm();
  bool admits(const IpAddress& from) const;

  const OwnEndpoint& self_;
  const OwnPlace& place_;
  UdpPlace& udp_;
  session::SessionLink& link_;
  Role role_;
  User* user_ = nullptr;
  path::Path core_;
  std::vector<std::unique_ptr<loop::UdpSocket>>
      further_;     // routes' sockets from 1 on; null: closed
  int bursts_ = 0;  // in a row, in vain
  std::optional<TimePoint> close_unused_at_;
  punch::Patience patience_;
  punch::Ground ground_;                      // of the last round
  std::optional<control::PathOffer> theirs_;  // the last
  std::optional<SocketAddress> peer_seen_;
  UdpSight sight_;
  std::uint32_t round_ = 0;
  bool looking_ = false, wanted_ = false;
  path::Path::State was_ = path::Path::State::kResting;
  SocketAddress was_at_;
  TimePoint up_since_{}, begun_at_{}, rest_until_{};
  std::optional<TimePoint> answer_until_;  // caller: the peer's offer is awaited
  std::optional<TimePoint> armed_for_;
  std::string why_ = "not tried yet: no datagrams were sent";
  loop::Timer timer_;
  // What came in a batch, until its end.
  struct Arrived {
    mux::StreamId stream;
    std::size_t begin, size;  // in arena_
  };
  std::vector<Arrived> arrived_;
  ByteVector arena_;
  std::vector<ByteVector> opaque_;  // to be sent
};

}  // namespace culvert::agent
