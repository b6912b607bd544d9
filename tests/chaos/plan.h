// tests/chaos/plan.h: what one stream carries, in its first octets from the client; and the octets
// themselves, which follow from a seed, so that the receiver knows each of them.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace culvert::chaos {

struct Way {
  std::uint64_t length = 0;        // octets, then the end of the direction
  std::uint32_t most_at_once = 0;  // a sender's bursts, and the pauses between them
  std::uint32_t longest_pause_ms = 0;
};

struct Plan {
  std::uint64_t seed = 0;
  std::int64_t hurry_at = 0;  // from this time on nobody pauses (CLOCK_MONOTONIC, ns)
  Way up, down;               // up: from the client
};
static_assert(sizeof(Plan) == 48);

// splitmix64: the whole generator is its position.
inline std::uint64_t scramble(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

// The octets of a stream from `offset` on.
inline void fill(std::uint64_t seed, std::uint64_t offset, std::span<std::byte> out) {
  while (!out.empty()) {
    const auto word = scramble(seed + offset / 8 * 0x2545f4914f6cdd1d);
    const auto skip = static_cast<std::size_t>(offset % 8);
    const auto count = std::min(out.size(), 8 - skip);
    std::memcpy(out.data(), reinterpret_cast<const std::byte*>(&word) + skip, count);
    out = out.subspan(count);
    offset += count;
  }
}

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : at_(seed) {}
  std::uint64_t below(std::uint64_t bound) { return bound == 0 ? 0 : scramble(at_++) % bound; }
  // Small ones as often as large ones.
  std::uint64_t any_size(std::uint64_t most) {
    const auto scale = below(64 - static_cast<std::uint64_t>(__builtin_clzll(most | 1)));
    return 1 + below(std::min(most, std::uint64_t{2} << scale));
  }

 private:
  std::uint64_t at_;
};

}  // namespace culvert::chaos
