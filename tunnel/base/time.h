// tunnel/base/time.h: instants that cores are handed; no core reads a clock.
#pragma once
#include <chrono>
#include <cstdint>

namespace culvert {

using Duration = std::chrono::nanoseconds;
// Monotonic: for deadlines. Never leaves the process.
struct MonotonicClock {
  using duration = Duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<MonotonicClock>;
  static constexpr bool is_steady = true;
};
using TimePoint = MonotonicClock::time_point;

// Nanoseconds since 1970 (UTC): certificates, invitations, replay protection.
using UnixTime = std::chrono::sys_time<Duration>;

inline std::uint64_t to_unix_nanoseconds(UnixTime time) {
  return static_cast<std::uint64_t>(time.time_since_epoch().count());
}
inline UnixTime from_unix_nanoseconds(std::uint64_t value) {
  return UnixTime{Duration{static_cast<std::int64_t>(value)}};
}

}  // namespace culvert
