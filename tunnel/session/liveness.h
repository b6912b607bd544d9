// tunnel/session/liveness.h: is the peer still there behind this carrier? (PROTOCOL.md section 9)
//
// Does no I/O and reads no clock. A silent carrier is suspected only while there is a reason to
// expect something, so an idle session costs one PING in a while and nothing else:
//   outstanding   something was sent that a live peer answers (data, OPEN, PING), and nothing has
//                 come since. After max(3 x round trip, 300 ms) a PING; another
//                 max(3 x round trip, 2 s) without an octet: dead. So within 2.3 s.
//   paused        octets came and then stopped. After max(3 x round trip, 500 ms) one PING, which
//                 is outstanding then. Only so does the reader of a download notice (within 2.8 s).
//   idle          one PING every kKeepalive at first. The interval grows by half each time it was
//                 answered, up to kMostIdle. Barriers forget idle connections after times of their
//                 own: a carrier that died of its first octets after a silence halves it, to half
//                 of that silence at most, until 256 keepalives have been answered. (Not if the
//                 machine slept meanwhile.) Deadlines lie on a grid of 5 s, so that many sessions
//                 wake the process once: on the next point, or once it is known what a barrier
//                 bears, on the one before.
// On a direct path, which nothing but the network can stall and beside which the relay is always
// there, less patience is right: 100 ms instead of 300 and 500, then 250 ms instead of 2 s.
// Being wrong is cheap: the session goes on over another carrier.
#pragma once
#include <algorithm>
#include <optional>

#include "tunnel/base/time.h"

namespace culvert::session {

class Liveness {
 public:
  static constexpr std::chrono::seconds kKeepalive{20};
  static constexpr std::chrono::seconds kMostIdle{110};
  static constexpr std::chrono::seconds kLeastIdle{5};
  static constexpr std::chrono::milliseconds kProbeAfter{300}, kPauseProbe{500};
  static constexpr std::chrono::milliseconds kDeadAfter{2000}, kSuspectDeadAfter{700};
  static constexpr std::chrono::seconds kUnknownDeadAfter{10};
  static constexpr std::chrono::milliseconds kDirectProbeAfter{100}, kDirectDeadAfter{250};

  // The side that would dial again also keeps the barrier open; the other one pings later.
  explicit Liveness(bool dials) : dials_(dials) {}

  // A fresh carrier; something is expected of the peer at once. `round_trip`: of its handshake, if
  // this side has seen one; else nothing is known yet and kUnknownDeadAfter holds.
  void attached(TimePoint now, std::optional<Duration> round_trip, bool direct = false);
  void detached();
  void sent(TimePoint now, bool wants_answer);
  // `more_than_pings`: frames other than PING and PONG, after which silence is looked into. (Those
  // two must not count: each side would answer the other's question with its own for ever.)
  void received(TimePoint now, bool more_than_pings);
  void suspect(TimePoint now);  // the network has changed: make sure, soon
  // The value of a PING to send now to measure the round trip; `urgent`: as often as one is
  // answered. `bulk`: windows wait for the first of them. Beside a dialogue they are seldom: where
  // a middlebox has Nagle's algorithm, a PONG holds the dialogue's octets behind it back for 40 ms
  // (tinyproxy, measured).
  std::optional<std::uint64_t> ping_for_measuring(TimePoint now, bool urgent, bool bulk);
  void pong(TimePoint now, std::uint64_t value);

  enum class Verdict { kFine, kPing, kDead };
  // What was sent is without an answer, although it was asked for by a PING.
  bool suspects_loss() const { return ping_sent_ && outstanding_since_ && !ping_was_keepalive_; }
  Verdict tick(TimePoint now);  // kPing: send one, its value is ping_value()
  std::uint64_t ping_value() const { return ping_value_; }
  std::optional<TimePoint> next_deadline() const;

  bool idle() const { return attached_ && phase() == Phase::kIdle; }  // nothing is expected
  Duration round_trip() const { return round_trip_; }
  // The shortest of the last one to two minutes: without the queue that a bulk stream makes itself.
  Duration least_round_trip() const {
    const auto least = std::min(least_, least_before_);
    return least == Duration::max() ? round_trip_ : least;
  }
  Duration idle_interval() const { return idle_; }

 private:
  enum class Phase { kOutstanding, kPaused, kIdle };
  Phase phase() const;
  Duration patience(Duration least) const { return std::max<Duration>(3 * round_trip_, least); }
  Duration patience_before_ping(Duration relayed) const;
  TimePoint ping_due() const;
  TimePoint dead_due() const;
  void start_ping(TimePoint now);
  void keepalive_answered();
  Duration smoothed(Duration sample) const;
  void note_least(TimePoint now, Duration sample);

  bool dials_;
  bool attached_ = false;
  bool direct_ = false;
  Duration round_trip_{std::chrono::milliseconds{1}};
  Duration least_{Duration::max()}, least_before_{Duration::max()};
  TimePoint least_since_{};
  int samples_ = 0, far_above_ = 0;  // of this carrier; one after the other far above the least
  bool measured_ = false;
  TimePoint last_received_{}, last_measured_{};
  std::optional<TimePoint> outstanding_since_, ping_sent_;
  std::uint64_t ping_value_ = 0;
  bool paused_probe_due_ = false;
  bool suspect_ = false;
  bool ping_was_keepalive_ = false;
  bool learned_ = false;  // the idle limit of this network is known: the interval does not grow
  int kept_ = 0;          // keepalives answered since
  Duration idle_{kKeepalive};
};

}  // namespace culvert::session
