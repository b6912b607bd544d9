// agent/reconnect_delay.h: how long to wait before the next attempt to reach the service: doubled
// each time between kFirst and kMost, of which a random part (half to all) is taken, so that ten
// thousand agents do not come back to a restarted service in the same second.
#pragma once
#include <algorithm>

#include "tunnel/base/random.h"
#include "tunnel/base/time.h"

namespace culvert::agent {

class ReconnectDelay {
 public:
  static constexpr std::chrono::milliseconds kFirst{500};
  static constexpr std::chrono::seconds kMost{30};
  static constexpr std::chrono::minutes kMostRefused{5};  // where the service itself says no

  Duration next(Random& random, Duration most = kMost) {
    std::byte noise[2];
    random.fill(noise);
    const auto part =
        (std::to_integer<std::int64_t>(noise[0]) << 8 | std::to_integer<std::int64_t>(noise[1]));
    const Duration whole = std::min(ceiling_, most);
    ceiling_ = std::min(whole * 2, most);
    return std::max<Duration>(kFirst, whole / 2 + whole / 2 * part / 0xffff);
  }
  void reset() { ceiling_ = 2 * kFirst; }

 private:
  Duration ceiling_ = 2 * kFirst;
};

}  // namespace culvert::agent
