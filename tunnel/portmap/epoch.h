// tunnel/portmap/epoch.h: notices that a gateway has lost its mappings, by the clock in its answers
// (RFC 6887 section 8.5, good for RFC 6886 section 3.6 as well). Sans-IO.
#pragma once
#include <optional>

#include "tunnel/base/time.h"

namespace culvert::portmap {

class Epoch {
 public:
  // False: the gateway has begun anew since the answer before, or our clock stood still.
  bool accept(std::uint32_t seconds, TimePoint now) {
    using std::chrono::duration_cast;
    using Seconds = std::chrono::duration<std::int64_t>;
    const auto before = last_;
    last_ = {seconds, now};
    if (!before) return true;
    const auto theirs = static_cast<std::int64_t>(seconds) - before->seconds;
    const auto ours = duration_cast<Seconds>(now - before->at).count();
    // A second for answers that overtake each other, two for rounding, 1/16 for bad clocks.
    return theirs >= -1 && ours + 2 >= theirs - theirs / 16 && theirs + 2 >= ours - ours / 16;
  }

 private:
  struct Last {
    std::uint32_t seconds;
    TimePoint at;
  };
  std::optional<Last> last_;
};

}  // namespace culvert::portmap
