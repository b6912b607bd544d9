#include "tunnel/punch/chances.h"

#include <algorithm>
#include <cmath>

namespace culvert::punch {
namespace {

constexpr double kInVain = 0.01;  // probability that a whole series finds no way that there is

int bursts_of_series(double probability) {
  if (probability <= 0) return Chances::kLeastBursts;
  if (probability >= 1 - kInVain) return Chances::kLeastBursts;
  const auto needed = std::ceil(std::log(kInVain) / std::log(1 - probability));
  return std::clamp(static_cast<int>(needed), Chances::kLeastBursts, Chances::kMostBursts);
}

}  // namespace

std::size_t Chances::left(const Pair& pair, TimePoint now) {
  while (!spent_.empty() && now - spent_.front().at >= Duration{kPause}) spent_.pop_front();
  if (const auto known = pairs_.find(pair); known != pairs_.end() && now < known->second.next)
    return 0;
  std::size_t spent = 0;
  for (const auto& one : spent_) spent += one.mappings;
  // Of a small rest little comes: better later, and whole.
  return 2 * spent > budget_ ? 0 : budget_ - spent;
}

void Chances::tried(const Pair& pair, std::size_t mappings, double probability, bool drawing,
                    TimePoint now) {
  spent_.push_back({now, mappings});
  if (!pairs_.contains(pair) && pairs_.size() >= kMostPairs)
    pairs_.erase(
        std::ranges::min_element(pairs_, {}, [](const auto& one) { return one.second.next; }));
  auto& known = pairs_[pair];
  if (++known.bursts < bursts_of_series(probability)) {
    known.next = now + Duration{drawing ? kDrawingPause : kPause};
    return;
  }
  known.bursts = 0;
  known.next = now + known.after_series;
  known.after_series = std::min<Duration>(2 * known.after_series, kMostAfterSeries);
}

std::optional<Duration> Chances::until_next(const Pair& pair, TimePoint now) const {
  const auto known = pairs_.find(pair);
  if (known == pairs_.end() || known->second.bursts == 0) return std::nullopt;
  return std::max<Duration>(known->second.next - now, Duration::zero());
}

}  // namespace culvert::punch
