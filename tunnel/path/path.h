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
// Of several routes the first that is answered is taken, or one of a better rank that is answered
// before that one is proven. A path that is up may look for another route beside (probe_beside()),
// and moves there once that is proven; until then, and if none is found, it stays where it is. So
// it does where the peer's packets come from elsewhere all at once: its translator has forgotten
// it.
//
// While something is sent, a probe goes along every kProbeEvery, and more of them when its answer
// is overdue; without any answer for kSilence (or three round trips) the path is given up. Unused
// it is kept open for kIdle, then left to die: no deadline any more.
#pragma once
#include <algorithm>
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
  bool once = false;      // one of many, different ones: a probe or two, not a dozen, and paced
  int rank = kWorstRank;  // the smaller, the better
  bool held = true;       // by `hold` of probe()
  static constexpr int kWorstRank = 100;  // of what nobody has ranked
};

class Path {
 public:
  static constexpr std::chrono::milliseconds kProbeEvery{100}, kSilence{300};
  static constexpr std::chrono::milliseconds kProbeAgain{50};  // where an answer is overdue
  static constexpr std::chrono::milliseconds kQuiet{50};  // since it came from where it always did
  static constexpr std::chrono::seconds kRound{5};        // of probing
  static constexpr std::chrono::seconds kKeepAlive{15}, kIdle{45};
  static constexpr std::chrono::milliseconds kSeenAfter{
      300};                                  // then arrivals are told by the session
  static constexpr int kPace = 4;            // new targets of a burst, in a millisecond
  static constexpr std::size_t kSmall = 64;  // octets of a probe
  // 1280 and 1500 less the headers of IPv4 and UDP, of IPv6 and UDP.
  static constexpr std::size_t kProof = 1252, kLarge = 1472;
  static constexpr std::size_t kProofSix = 1232, kLargeSix = 1452;

  struct Packet {
    Route route;
    ByteVector octets;
    bool opener = false;  // shall open the own barrier, and not get as far as the peer's
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
  // `hold`: probes go so much later, or where the peer's came in; `openers` at once.
  void probe(const std::vector<Target>& targets, TimePoint now, Duration limit = kRound,
             Duration hold = {}, bool openers = true);
  void add_targets(const std::vector<Target>& targets, TimePoint now);  // of the same round
  // While up. Answers to the peer's probes that come in by a socket of these are tried as well.
  void probe_beside(const std::vector<Target>& targets, TimePoint now);
  bool looks_beside() const { return beside_.has_value(); }

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
  bool searching() const {  // nothing has been answered in this round yet
    return state_ == State::kProbing && !selected_;
  }
  bool heard_on(std::size_t socket) const;  // the peer has sent something there, since probe()
  std::optional<TimePoint> heard_at(std::size_t socket) const;  // the last time
  // Since when genuine packets come from there without a longer break.
  std::optional<TimePoint> heard_from_since(const SocketAddress& peer) const;
  void send(std::uint32_t stream, Bytes datagram, TimePoint now);  // while up
  void used(TimePoint now);                                        // by packets that are not ours

  // --- datagrams that others carry, sealed alike: with both offers known, whatever the state
  bool has_peer() const { return sealer_.has_value(); }
  ByteVector seal_datagram(std::uint32_t stream, Bytes datagram);
  std::optional<Datagram> open_datagram(Bytes packet);

 private:
  std::optional<Opener::Opened> open(Bytes packet);
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
  struct Beside {
    std::vector<Probing> probing;
    TimePoint ends;
    std::optional<Route> chosen;  // answered; its proof is under way
    int proofs = 0;
    TimePoint proof_due{};
  };
  static constexpr int kProofs = 5;  // sent of one route, at most
  std::deque<Outstanding>::iterator find_outstanding(std::uint64_t counter);
  void send_probe(const Route& route, std::size_t size, TimePoint now);
  void answer(std::uint64_t counter, std::size_t size, const Route& route);
  void confirmed(const Outstanding& probe, bool by_session, TimePoint now);
  void probe_back(const Route& route, TimePoint now);
  void confirmed_beside(const Outstanding& probe, TimePoint now);
  void probe_back_beside(const Route& route, TimePoint now);
  void tick_beside(TimePoint now);
  TimePoint next_beside() const;
  void send_proof(TimePoint now);
  void send_proof_to(const Route& route, TimePoint now);
  Duration proof_pause() const {
    return std::max<Duration>(std::chrono::milliseconds{100}, round_trip_ + round_trip_ / 2);
  }
  static std::size_t proof_of(const Route& route) {
    return route.peer.ip.is_v4() ? kProof : kProofSix;
  }
  int rank_of(const Route& route) const;  // in this round
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
  TimePoint round_began_{}, round_ends_{}, hold_until_{};
  std::deque<Outstanding> outstanding_;
  struct Heard {
    std::size_t socket;
    TimePoint at;
  };
  std::vector<Heard> heard_on_;
  struct Source {
    SocketAddress peer;
    TimePoint since, last;
  };
  void note_source(const SocketAddress& peer, TimePoint now);
  void follow(const Route& route, TimePoint now);
  std::vector<Source> sources_;
  std::vector<Packet> output_;
  std::optional<std::uint64_t> to_tell_;
  std::optional<TimePoint> told_at_;
  Route route_;
  bool selected_ = false;          // route_ was answered; its proof is under way
  int rank_ = Target::kWorstRank;  // of that one
  std::optional<Beside> beside_;
  int proofs_ = 0;
  TimePoint proof_due_{};
  std::size_t most_ = 0;
  Duration round_trip_{};
  TimePoint last_use_{}, last_sent_{}, last_probe_{};
  std::optional<TimePoint> unanswered_since_;
  ByteVector scratch_;
};

}  // namespace culvert::path
