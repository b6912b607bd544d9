// service/line_budget.h: how many lines of one kind the log gets of what others can bring about as
// often as they like: a budget of lines for a while, and with the next one how many were left out.
// Knows neither the log nor a clock.
#pragma once
#include <cstdint>
#include <optional>
#include <utility>

#include "tunnel/base/time.h"

namespace culvert::service {

class LineBudget {
 public:
  static constexpr int kMost = 20;
  static constexpr std::chrono::seconds kIn{10};

  // False: leave this one out.
  bool take(TimePoint now) {
    if (!begun_ || now - *begun_ >= Duration{kIn}) {
      begun_ = now;
      taken_ = 0;
    }
    if (taken_ < kMost) {
      ++taken_;
      return true;
    }
    ++left_out_;
    return false;
  }
  // Since the last line that was written.
  std::uint64_t left_out() { return std::exchange(left_out_, 0); }

 private:
  std::optional<TimePoint> begun_;
  int taken_ = 0;
  std::uint64_t left_out_ = 0;
};

}  // namespace culvert::service
