// tunnel/mux/send_budget.h: how much all streams of a session together may hold that is written and
// not acknowledged: the log from which a resumed session sends again.
//
// The budget is 1 MiB and four times what is acknowledged in a round trip, at most 32 MiB. A stream
// may always hold kLeastSendShare. Beyond that it may hold as much as is free (the dynamic
// threshold of shared switch buffers, Choudhury and Hahne 1998): one stream whose reader stalls
// takes at most half and leaves the rest to the others.
//
// Thousands of streams whose peer reads nothing would hold gigabytes so (S18): where all together
// hold kCrowded, each may hold no more than the window that it had at first, and at twice as much,
// what keeps it going.
#pragma once
#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>

#include "tunnel/base/time.h"

namespace culvert::mux {

inline constexpr std::size_t kLeastSendShare = 256 * 1024;
inline constexpr std::size_t kCrowdedShare = 64 * 1024, kPressedShare = 8 * 1024;

class SendBudget {
 public:
  static constexpr std::size_t kLeast = 1u << 20;
  static constexpr std::size_t kMost = 32u << 20;
  static constexpr std::size_t kCrowded = 48u << 20;

  void add(std::size_t octets) { used_ += octets; }
  void remove(std::size_t octets) {
    assert(octets <= used_);
    used_ -= octets;
  }
  void acknowledged(std::size_t octets, TimePoint now, Duration round_trip) {
    remove(octets);
    moved_ += octets;
    const auto elapsed = now - since_;
    if (elapsed < round_trip || elapsed <= Duration::zero()) {
      // A whole round trip acknowledges at least as much.
      budget_ = std::max(budget_, std::min(kLeast + 4 * moved_, kMost));
      return;
    }
    const auto in_flight = static_cast<double>(moved_) * (static_cast<double>(round_trip.count()) /
                                                          static_cast<double>(elapsed.count()));
    const auto wanted = kLeast + static_cast<std::size_t>(4 * in_flight);
    // Shrinks slowly: one quiet round trip says little.
    budget_ = std::clamp(std::max(wanted, budget_ - budget_ / 8), kLeast, kMost);
    moved_ = 0;
    since_ = now;
  }
  // For a stream that holds `held` octets.
  std::size_t room(std::size_t held) const {
    const auto free = budget_ - std::min(budget_, used_);
    const auto allowed = least() + free;
    return allowed - std::min(allowed, held);
  }
  // What a stream may hold in any case.
  std::size_t least() const {
    return used_ < kCrowded       ? kLeastSendShare
           : used_ < 2 * kCrowded ? kCrowdedShare
                                  : kPressedShare;
  }
  std::size_t used() const { return used_; }

 private:
  std::size_t used_ = 0, budget_ = kLeast, moved_ = 0;
  TimePoint since_{};
};

}  // namespace culvert::mux
