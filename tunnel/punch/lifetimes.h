// tunnel/punch/lifetimes.h: how long mappings live between two networks although they are used:
// some carriers' NATs end them by an absolute timer (48 to 75 s were seen), which no keepalive
// helps against. Learned from paths that died in use at the same age, one after the other. Sans-IO.
// Knows networks by their addresses outside.
#pragma once
#include <map>
#include <optional>
#include <utility>

#include "tunnel/base/address.h"
#include "tunnel/base/time.h"

namespace culvert::punch {

class Lifetimes {
 public:
  static constexpr std::size_t kMostPairs = 64;  // remembered; then the one longest ago goes
  // Of ages that mean anything: a route that fails early is no timer, one that fails late no harm.
  static constexpr std::chrono::seconds kLeast{8}, kMost{1800};
  static constexpr std::chrono::hours kRemembered{24};
  // Of the age, a new mapping is made.
  static constexpr double kRenewedAt = 0.7;

  using Pair = std::pair<IpAddress, IpAddress>;  // of our side, and of the peer's

  bool empty() const { return pairs_.empty(); }
  // A path in use is silent since its mapping was so old.
  void died(const Pair& pair, Duration age, TimePoint now);
  // It is in use and so old: longer than was thought.
  void lives(const Pair& pair, Duration age);
  // After which age a mapping is to be left; nothing: no reason to.
  std::optional<Duration> renew_at(const Pair& pair, TimePoint now) const;

 private:
  struct Known {
    Duration age{};  // the shorter one of those that were alike
    int alike = 0;   // how many, in a row
    TimePoint at{};
  };
  std::map<Pair, Known> pairs_;
};

}  // namespace culvert::punch
