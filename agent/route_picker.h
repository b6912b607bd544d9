// agent/route_picker.h: which way to the service to try when. Several attempts run at once; the
// first whose SESSION handshake completes wins (a carrier that connects may still be a barrier's).
//
// Does no I/O and reads no clock. The next attempt starts kStagger after the last one did (RFC 8305
// section 5 has 250 ms for bare TCP; a handshake takes two round trips), or as soon as one failed.
// Where something is silent, more questions to it help little: proxies are asked in turns, and when
// two attempts at one place wait, the next one is at another place.
// A way that won the last time is given kHeadStart alone: two logins of one endpoint at the same
// time make the service drop the older one.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "tunnel/base/time.h"
#include "tunnel/carrier/way.h"

namespace culvert::agent {

class RoutePicker {
 public:
  static constexpr std::chrono::milliseconds kStagger{400};
  // Whether an FTP proxy takes octets in both directions shows when the service has been silent for
  // a second. The next form has a round trip more, so that no two hellos meet.
  static constexpr std::chrono::milliseconds kStaggerOfFtp{100};
  static constexpr std::chrono::seconds kHeadStart{2};
  // Where a place that has answered refuses the next connection, it lets one pass at a time: that
  // way is tried again a little later, and what is silent there so long gives way.
  static constexpr std::chrono::milliseconds kAgainAfter{150};
  static constexpr int kMostAgain = 3;
  static constexpr std::chrono::seconds kMostInTheWay{4};
  // A second connection may get no answer, either. Where another one at the same place did, a SYN
  // that was sent twice in vain has ways tried one at a time.
  static constexpr std::chrono::milliseconds kNoAnswer{1500};
  static constexpr std::size_t kMost = 64;           // ways
  static constexpr std::size_t kMostAtOnePlace = 2;  // that wait, while there is another place

  RoutePicker(std::vector<carrier::Way> ways, bool first_is_remembered, TimePoint now);

  // Found later; no effect if it is there already. What people or the network name is tried before
  // what is only imaginable: next, unless it is made of requests.
  void add(carrier::Way way);
  std::optional<std::size_t> next_start(TimePoint now);  // call until it gives nothing
  std::optional<TimePoint> next_deadline() const;        // when to ask again
  // `by_service`: it was reached and said no (session::Introduction::Listener).
  void failed(std::size_t way, Error why, TimePoint now, bool by_service = false);
  // All ways by this proxy have failed, gives those that are under way.
  std::vector<std::size_t> rule_out(const carrier::Proxy& proxy, const Error& why, TimePoint now);
  // Of `dialling`, which are not connected yet, those to be given up because their turn comes
  // later. To be asked before in_the_way().
  std::vector<std::size_t> take_turns(std::vector<std::size_t> dialling, TimePoint now);
  bool one_at_a_time() const { return one_at_a_time_; }
  void begin_one_at_a_time() { one_at_a_time_ = true; }
  // Those that have to be given up for the sake of others; they have failed. To be asked before
  // next_start().
  std::vector<std::size_t> in_the_way(TimePoint now);
  void won(std::size_t way) { winner_ = way; }

  const carrier::Way& way(std::size_t index) const { return attempts_[index].way; }
  std::size_t count() const { return attempts_.size(); }
  bool exhausted() const;  // everything was tried and failed
  // By every way that led to the service it said that this endpoint is not to be let in, and why in
  // the same words. (One way alone may have been overtaken by another hello.)
  bool refused_alike() const;
  // For people: why this way, or why none; once, if the service has refused alike. "direct to
  // 192.0.2.1:443: connection refused". Why none: first who said no (a page to log in, a proxy that
  // wants a password), then who was silent.
  std::string why() const;
  // Until there is either: "waiting for connect through ..., tls to ...; " and what failed, or
  // `before` if nothing has been started.
  std::string progress(const std::string& before) const;

 private:
  enum class State : std::uint8_t { kWaiting, kRunning, kFailed };
  struct Attempt {
    carrier::Way way;
    State state = State::kWaiting;
    Error failure{};
    bool by_service = false;
    TimePoint started_at{};
    int again = 0;  // was refused beside another one
    bool in_the_way = false;
    bool looked_at = false;  // by take_turns()
  };
  std::size_t running_at(const SocketAddress& hop) const;
  bool any_runs() const;
  bool was_one_taken_beside(std::size_t way) const;
  void queue_again(std::size_t way);
  bool is_refused_beside(std::size_t way, const Error& why) const;
  bool goes_again(std::size_t way, const Error& why, TimePoint now);
  std::size_t take_next();  // moves it to order_[started_]

  std::vector<Attempt> attempts_;
  std::vector<std::size_t> order_;  // of attempts_, but for what was ruled out
  std::size_t started_ = 0;         // of order_
  TimePoint next_at_;
  bool head_start_;
  bool one_at_a_time_ = false;
  std::optional<std::size_t> winner_;
};

}  // namespace culvert::agent
