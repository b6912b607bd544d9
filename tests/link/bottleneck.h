// tests/link/bottleneck.h: the slowest hop of one direction, shared by all connections. Its queue
// is a time: how long what has entered still takes to leave.
//
// Does no I/O and reads no clock.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "tunnel/base/time.h"

namespace culvert::link {

class Bottleneck {
 public:
  // Bits per second and octets; 0: no limit.
  void set_limits(std::uint64_t rate, std::size_t queue) {
    rate_ = rate;
    queue_ = queue;
  }

  // These octets enter now; gives the time at which the last of them has left.
  TimePoint pass(std::size_t octets, TimePoint now) {
    if (rate_ == 0) return now;
    if (!was_full_ || now - free_ > kLateness) {
      free_ = std::max(free_, now);
      was_full_ = false;
    }
    free_ += time_for(octets);
    return std::max(free_, now);
  }

  bool has_room(TimePoint now) {
    const bool room = room_from() <= now;
    was_full_ |= !room;
    return room;
  }

  // From when on octets may enter: a full queue is not read into, so it pushes back on senders.
  TimePoint room_from() const {
    return rate_ == 0 || queue_ == 0 ? TimePoint::min() : free_ - time_for(queue_);
  }

  // As much as is worth moving at once: half a millisecond's worth, so that connections take turns
  // and octets arrive as evenly as packets would.
  std::size_t quantum() const {
    const auto most = std::size_t{256} * 1024;
    if (rate_ == 0) return most;
    return std::clamp<std::size_t>(static_cast<std::size_t>(rate_ / 8 / 2000), 1500, most);
  }

 private:
  // While senders wait for room, a queue that ran empty did so because this program came late, on a
  // busy machine: that time is made up for.
  static constexpr Duration kLateness = std::chrono::milliseconds{10};

  Duration time_for(std::size_t octets) const {
    return Duration{
        static_cast<std::int64_t>(static_cast<double>(octets) * 8e9 / static_cast<double>(rate_))};
  }

  std::uint64_t rate_ = 0;
  std::size_t queue_ = 0;
  bool was_full_ = false;  // and not idle since
  TimePoint free_{};       // when the last octet that entered has left
};

}  // namespace culvert::link
