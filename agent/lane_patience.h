// agent/lane_patience.h: how often a session's interactive lane is dialled, where barriers let none
// through or cut it soon. Reads no clock.
#pragma once
#include <algorithm>

#include "tunnel/base/time.h"

namespace culvert::agent {

class LanePatience {
 public:
  static constexpr std::chrono::seconds kFirstPause{10}, kLongLife{60};
  static constexpr std::chrono::minutes kMostPause{10};

  // Whether one may be dialled now; if so, that is taken for done.
  bool take(TimePoint now) {
    if (now < not_before_) return false;
    const bool lived = pause_ == Duration::zero() || now - not_before_ >= kLongLife;
    pause_ = lived ? Duration{kFirstPause} : std::min<Duration>(2 * pause_, kMostPause);
    not_before_ = now + pause_;
    return true;
  }

 private:
  TimePoint not_before_{};
  Duration pause_{};
};

}  // namespace culvert::agent
