// tunnel/punch/patience.h: how long to leave a peer alone before a direct path to it is looked for
// again. Sans-IO. Where nothing gets through, asking is a burden on firewalls and batteries; where
// a path comes and goes, moving to and fro is worse than the relay.
#pragma once
#include <algorithm>

#include "tunnel/base/time.h"

namespace culvert::punch {

class Patience {
 public:
  static constexpr std::chrono::seconds kAfterFailure{30}, kMostAfterFailure{3600};
  static constexpr std::chrono::seconds kAfterLoss{1}, kMostAfterLoss{600};
  // Of TCP, the first pause when a path was lost and the round after it was in vain: Linux
  // firewalls keep a connection that was reset out of step for ten seconds (measured: conntrack
  // stays ESTABLISHED), and let no other one in between the same two ports.
  static constexpr std::chrono::seconds kAfterStale{5};
  static constexpr std::chrono::seconds kSteady{60};  // a path that lived so long was a good one

  Patience() = default;
  explicit Patience(std::chrono::seconds after_failure_of_lost)
      : after_failure_of_lost_(after_failure_of_lost) {}

  Duration failed() { return next(after_failure_, kMostAfterFailure); }
  Duration lost(Duration lived) {
    after_failure_ = after_failure_of_lost_;
    if (lived >= kSteady) after_loss_ = kAfterLoss;
    return next(after_loss_, kMostAfterLoss);
  }
  void reset() { *this = Patience(after_failure_of_lost_); }  // the network is another one

 private:
  static Duration next(Duration& pause, Duration most) {
    const auto now = pause;
    pause = std::min(2 * pause, most);
    return now;
  }
  std::chrono::seconds after_failure_of_lost_ = kAfterFailure;
  Duration after_failure_ = kAfterFailure, after_loss_ = kAfterLoss;
};

}  // namespace culvert::punch
