// tunnel/exchange/punctuality.h: whether small pieces on a stream, which is a body that goes on,
// arrive as soon as those of whole bodies. Judges marks (message.h), which say when they left.
// Sans-IO. Knows nothing of the sender's clock but that it runs as fast.
//
// haproxy 2.6 holds the last packet of what it has of a body back for 200 ms, each way, while it is
// not full (MSG_MORE; measured: 210 ms for up to 1000 octets, 0.3 ms from 1460 on). So a stream is
// begun with padding behind whatever ends a burst, and a small piece after a pause shows whether
// that is needed. Where padding does not help either, whole bodies are sooner there.
#pragma once
#include <algorithm>
#include <array>
#include <optional>

#include "tunnel/exchange/message.h"

namespace culvert::exchange {

// Enough of it for a packet of 1460 octets.
inline constexpr int kPadsBehind = 2;
// The pause before a mark: longer than anything is held back that came before.
inline constexpr Duration kMarkAfter = std::chrono::milliseconds{300};
inline constexpr int kMarks = 4;  // on each stream: padded, bare, and once more
// Who answers each small piece with the next makes no such pause: what is padded then carries marks
// of its own, behind a pause of this, so that nothing before it is still held back.
inline constexpr Duration kMarkInBurst = std::chrono::milliseconds{220};
inline constexpr Mark::Kind kind_of_mark(int number) {
  return number % 2 == 0 ? Mark::Kind::kPadded : Mark::Kind::kBare;
}

inline std::uint32_t mark_time(TimePoint now) {
  return static_cast<std::uint32_t>(now.time_since_epoch() / std::chrono::milliseconds{1});
}

class Punctuality {
 public:
  void take(const Mark& mark, TimePoint now) {
    // Both clocks began somewhere: only differences of this mean something.
    const auto delay = static_cast<std::int32_t>(mark_time(now) - mark.time);
    auto& one = seen_[static_cast<std::size_t>(mark.kind)];
    one.least = one.count == 0 ? delay : later(one.least, delay) ? delay : one.least;
    ++one.count;
  }
  // Of the streams so far.
  Passes passes() const {
    const auto bare = judge(Mark::Kind::kBare), padded = judge(Mark::Kind::kPadded);
    if (bare == Judgement::kPrompt) return Passes::kPromptly;
    if (padded == Judgement::kLate) return Passes::kLate;
    const bool known = bare == Judgement::kLate && padded == Judgement::kPrompt;
    return known ? Passes::kPadded : Passes::kUnknown;
  }
  void restart() { seen_ = {}; }

 private:
  enum class Judgement : std::uint8_t { kUnknown, kPrompt, kLate };
  struct Seen {
    int count = 0;
    std::int32_t least = 0;
  };
  static constexpr std::int32_t kLateBy = 80;  // ms; a loaded machine is late by less, twice
  static std::int32_t difference(std::int32_t a, std::int32_t b) {
    return static_cast<std::int32_t>(static_cast<std::uint32_t>(a) - static_cast<std::uint32_t>(b));
  }
  static bool later(std::int32_t a, std::int32_t b) { return difference(a, b) > 0; }
  Judgement judge(Mark::Kind kind) const {
    const auto& one = seen_[static_cast<std::size_t>(kind)];
    if (one.count == 0) return Judgement::kUnknown;
    for (const auto& other : seen_)
      if (other.count != 0 && difference(one.least, other.least) > kLateBy)
        return one.count < 2 ? Judgement::kUnknown : Judgement::kLate;
    return Judgement::kPrompt;
  }

  std::array<Seen, 3> seen_{};
};

}  // namespace culvert::exchange
