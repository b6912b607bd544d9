// tunnel/mux/traffic_mix.h: do small exchanges and bulk pass through a session side by side?
//
// An octet of a dialogue waits behind the bulk that is in the queues before it: of the programs'
// sockets, of sealed records, of the carrier. Bulk alone wants them large (measured knee: 256 KiB);
// beside a dialogue they are kept short, at some cost of bulk throughput. So a session is told
// apart by what has passed in the last tenth of a second. Reads no clock.
#pragma once
#include <cstdint>

#include "tunnel/base/time.h"
#include "tunnel/mux/stream.h"

namespace culvert::mux {

class TrafficMix {
 public:
  static constexpr std::size_t kBulkFrame = 4096;  // octets of payload from which on it is bulk
  static constexpr auto kMemory = std::chrono::milliseconds{100};

  static std::uint64_t epoch(TimePoint now) {
    return static_cast<std::uint64_t>(now.time_since_epoch() / kMemory) + 1;
  }

  // A DATA frame of a program, either way. A small frame counts only of a stream that has carried
  // no large ones of late: bulk comes in odd sizes, too.
  void passed(Stream& stream, std::size_t octets, TimePoint now) {
    const auto at = static_cast<std::uint16_t>(epoch(now));
    if (octets >= kBulkFrame) {
      stream.send.bulk_epoch = at;
      bulk_at_ = now;
    } else if (octets != 0 && static_cast<std::uint16_t>(at - stream.send.bulk_epoch) > 2) {
      small_at_ = now;
    }
  }
  bool bulk(TimePoint now) const { return now - bulk_at_ < kMemory; }
  bool mixed(TimePoint now) const { return bulk(now) && now - small_at_ < kMemory; }

 private:
  static constexpr TimePoint kLongAgo{-Duration{kMemory}};
  TimePoint bulk_at_ = kLongAgo, small_at_ = kLongAgo;
};

}  // namespace culvert::mux
