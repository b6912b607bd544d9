// tunnel/path/path.h: finds out which of some routes leads to the peer, keeps it, and notices when
// it does not any more (PROTOCOL.md section 7.2). Sans-IO: the owner moves packets and keeps time.
//
//   resting --probe()--> probing --a probe of kProof octets was answered--> up --silence, idle-->
//   resting
//
// It judges the direction in which this side sends. What comes is taken from anywhere that the
// owner admits, as long as it is genuine. Nothing but a genuine probe is answered, with as many
// octets.
//
// While something is sent, a probe goes along every kProbeEvery, and more of them when its answer
// is overdue; without any answer for kSilence (or three round trips) the path is given up. Unused
// it is kept open for kIdle, then left to die: no deadline any more.
#pragma once
#include <deque>
#include <optional>
#include <vector>

#include "tunnel/base/random.h"
#include "tunnel/base/time.h"
#include "tunnel/path/packet.h"

namespace culvert::path {

struct Route {
  std::size_t socket = 0;  // 0: the one that all paths share; others: of this path
  SocketAddress peer;
  bool operator==(const Route&) const = default;
};

struct Target {
  Route route;
  bool once = false;  // one of many: a probe or two, not a dozen
};

class Path {
 public:
  static constexpr std::chrono::milliseconds kProbeEvery{100}, kSilence{300};
  static constexpr std::chrono::milliseconds kProbeAgain{50};  // where an answer is overdue
  static constexpr std::chrono::seconds kRound{5};             // of probing
  static constexpr std::chrono::seconds kKeepAlive{15}, kIdle{45};
  static constexpr std::chrono::milliseconds kSeenAfter{
      300};                                  // then arrivals are told by the session
  static constexpr std::size_t kSmall = 64;  // octets of a probe
  static constexpr std::size_t kProof = 1252, kLarge = 1472;  // 1280 and 1500 less IPv4 and UDP

  struct Packet {
    Route route;
    ByteVector octets;
  };
  struct Datagram {
    std::uint32_t stream;
    Bytes data;  // until the next receive()
  };
  enum class State : std::uint8_t { kResting, kProbing, kUp };
  enum class Ended : std::uint8_t { kNot, kNothingFound, kSilent, kIdle };  // why it rests

  explicit Path(Random& random);

  // --- what is offered
  std::uint32_t name() const { return own_.path; }
  const control::PathOffer& own_offer() const { return own_; }  // name, secret, cipher

  // --- a round: the peer's offer, and where its packets shall go
  void set_peer(const control::PathOffer& peers, bool own_is_caller);
  void probe(const std::vector<Target>& targets, TimePoint now, Duration limit = kRound);
  void add_targets(const std::vector<Target>& targets, TimePoint now);  // of the same round

  // --- the wire. `route`: the socket, and where it came from, which the owner admits.
  std::optional<Datagram> receive(Bytes packet, const Route& route, TimePoint now);
  void seen(std::uint64_t counter, TimePoint now);  // the peer says so, by the session
  std::vector<Packet> take_output() { return std::exchange(output_, {}); }
  std::optional<std::uint64_t> take_seen() { return std::exchange(to_tell_, std::nullopt); }
  void tick(TimePoint now);
  std::optional<TimePoint> next_deadline() const;

  // --- use
  State state() const { return state_; }
  bool up() const { return state_ == State::kUp; }
  Ended ended() const { return ended_; }
  const Route& route() const { return route_; }  // while up; then: the last one
  std::size_t most_octets() const { return most_; }
  Duration round_trip() const { return round_trip_; }
  bool heard_on(std::size_t socket) const;  // the peer has sent something there, since probe()
  void send(std::uint32_t stream, Bytes datagram, TimePoint now);  // while up
  void used(TimePoint now);                                        // by packets that are not ours

 private:
  struct Probing {
    Target target;
    int sent = 0;
    TimePoint due;
  };
  struct Outstanding {
    std::uint64_t counter;
    Route route;
    std::size_t size;
    TimePoint at;
  };
  void send_probe(const Route& route, std::size_t size, TimePoint now);
  void answer(std::uint64_t counter, std::size_t size, const Route& route);
  void confirmed(const Outstanding& probe, bool by_session, TimePoint now);
  void probe_back(const Route& route, TimePoint now);
  void send_proof(TimePoint now);
  void rest(Ended why);
  TimePoint silent_at() const;  // both while something is unanswered
  TimePoint again_at() const;

  control::PathOffer own_;
  std::optional<control::PathOffer> peers_;
  std::optional<Sealer> sealer_;
  std::optional<Opener> opener_;
  std::uint64_t counter_ = 0;  // never begins again, whatever key there is
  State state_ = State::kResting;
  Ended ended_ = Ended::kNot;
  std::vector<Probing> probing_;
  TimePoint round_began_{}, round_ends_{};
  std::deque<Outstanding> outstanding_;
  std::vector<std::size_t> heard_on_;
  std::vector<Packet> output_;
  std::optional<std::uint64_t> to_tell_;
  std::optional<TimePoint> told_at_;
  Route route_;
  bool selected_ = false;  // route_ was answered; its proof is under way
  int proofs_ = 0;
  TimePoint proof_due_{};
  std::size_t most_ = 0;
  Duration round_trip_{};
  TimePoint last_use_{}, last_sent_{}, last_probe_{};
  std::optional<TimePoint> unanswered_since_;
  ByteVector scratch_;
};

}  // namespace culvert::path
