// tunnel/path/replay_window.h: accepts each number of a sender once (RFC 6479), in any order, as
// far as kSize behind the newest. Sans-IO.
#pragma once
#include <array>
#include <cstdint>

namespace culvert::path {

class ReplayWindow {
 public:
  static constexpr std::uint64_t kSize = 4032;  // numbers; older ones are refused

  bool accepts(std::uint64_t number) const {
    if (number >= next_) return true;
    if (next_ - number > kSize) return false;
    return (word(number) & bit(number)) == 0;
  }
  // Once it is known to be genuine.
  void mark(std::uint64_t number) {
    if (number >= next_) {
      const auto first = next_ == 0 ? 0 : (next_ - 1) / 64 + 1;  // words not used yet
      const auto last = number / 64;
      if (last >= first + kWords)
        seen_ = {};
      else
        for (auto i = first; i <= last; ++i) seen_[i % kWords] = 0;
      next_ = number + 1;
    }
    seen_[number / 64 % kWords] |= bit(number);
  }

 private:
  static constexpr std::uint64_t kWords = kSize / 64 + 1;
  static std::uint64_t bit(std::uint64_t number) { return std::uint64_t{1} << number % 64; }
  std::uint64_t word(std::uint64_t number) const { return seen_[number / 64 % kWords]; }

  std::uint64_t next_ = 0;  // above the newest
  std::array<std::uint64_t, kWords> seen_{};
};

}  // namespace culvert::path
