// tunnel/base/seldom.h: lets one of many equal complaints through, so that a state that lasts does
// not flood the log. Knows neither the log nor a clock.
#pragma once
#include <optional>

#include "tunnel/base/time.h"

namespace culvert {

class Seldom {
 public:
  static constexpr std::chrono::minutes kPause{1};

  // Whether it is time to complain (again).
  bool due(TimePoint now) {
    if (last_ && now - *last_ < kPause) return false;
    last_ = now;
    return true;
  }

 private:
  std::optional<TimePoint> last_;
};

}  // namespace culvert
