#include "tunnel/punch/lifetimes.h"

#include <algorithm>

namespace culvert::punch {
namespace {

constexpr int kNeeded = 2;

// Timers are looked at now and then, and death is noticed a bit later.
bool alike(Duration one, Duration other) {
  const auto apart = one > other ? one - other : other - one;
  return apart <= std::max<Duration>(std::chrono::milliseconds{1500}, one / 10);
}

}  // namespace

void Lifetimes::died(const Pair& pair, Duration age, TimePoint now) {
  if (age < Duration{kLeast} || age > Duration{kMost}) return;
  if (pairs_.size() >= kMostPairs && !pairs_.contains(pair))
    pairs_.erase(
        std::ranges::min_element(pairs_, {}, [](const auto& one) { return one.second.at; }));
  auto& known = pairs_[pair];
  if (known.alike > 0 && alike(known.age, age)) {
    known.age = std::min(known.age, age);
    ++known.alike;
  } else {
    known = {age, 1, now};
  }
  known.at = now;
}

void Lifetimes::lives(const Pair& pair, Duration age) {
  const auto found = pairs_.find(pair);
  if (found != pairs_.end() && age > found->second.age && !alike(found->second.age, age))
    pairs_.erase(found);
}

std::optional<Duration> Lifetimes::renew_at(const Pair& pair, TimePoint now) const {
  const auto found = pairs_.find(pair);
  if (found == pairs_.end() || found->second.alike < kNeeded ||
      now - found->second.at > Duration{kRemembered})
    return std::nullopt;
  return std::chrono::duration_cast<Duration>(kRenewedAt * found->second.age);
}

}  // namespace culvert::punch
