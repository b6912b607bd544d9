// tunnel/punch/chances.h: how often a way between two networks is looked for by chance, which costs
// mappings at both barriers: never more than a budget alive at a time, bursts one by one in a
// series, and then a long pause. Sans-IO. Knows networks by their addresses outside, so neither
// another session nor another peer behind the same barrier begins a series anew.
#pragma once
#include <deque>
#include <map>
#include <optional>
#include <utility>

#include "tunnel/base/address.h"
#include "tunnel/base/time.h"

namespace culvert::punch {

class Chances {
 public:
  static constexpr std::size_t kMostPairs = 256;  // remembered; then the one longest ago goes
  // Unanswered mappings live 30 s at Linux, 120 s and more elsewhere (RFC 4787 section 4.3): bursts
  // that take new ones wait for the latter, those that use the same ones again for the former.
  static constexpr std::chrono::seconds kPause{30}, kDrawingPause{120};
  static constexpr int kLeastBursts = 2, kMostBursts = 8;                     // of a series
  static constexpr std::chrono::hours kAfterSeries{1}, kMostAfterSeries{24};  // doubles

  using Pair = std::pair<IpAddress, IpAddress>;  // of our side, and of the peer's

  explicit Chances(std::size_t budget) : budget_(budget) {}
  void set_budget(std::size_t budget) { budget_ = budget; }  // mappings; 0: never by chance

  // Of the budget, what nobody has taken during the last kPause; 0: not now, or not this pair.
  std::size_t left(const Pair& pair, TimePoint now);
  void tried(const Pair& pair, std::size_t mappings, double probability, bool drawing,
             TimePoint now);
  void found(const Pair& pair) { pairs_.erase(pair); }
  // Until the next burst of a series that goes on; nothing: it is over, or there was none.
  std::optional<Duration> until_next(const Pair& pair, TimePoint now) const;

 private:
  struct Known {
    int bursts = 0;  // of this series; 0: it is over
    TimePoint next;
    Duration after_series = kAfterSeries;
  };
  struct Spent {
    TimePoint at;
    std::size_t mappings;
  };
  std::size_t budget_;
  std::map<Pair, Known> pairs_;
  std::deque<Spent> spent_;
};

}  // namespace culvert::punch
