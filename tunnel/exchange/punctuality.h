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
    one.delays[one.count++ % kKept] = delay;
    if (!least_ || difference(delay, *least_) < 0) least_ = delay;
  }
  // Of the streams so far. One that came late was held back; one that came in time may owe that to
  // octets which followed it and filled its packet.
  Passes passes() const {
    const auto bare = judge(Mark::Kind::kBare), padded = judge(Mark::Kind::kPadded);
    if (bare.prompt >= 2 + 3 * bare.late) return Passes::kPromptly;
    if (padded.late >= 2 && padded.late > padded.prompt) return Passes::kLate;
    return bare.late != 0 && padded.prompt != 0 ? Passes::kPadded : Passes::kUnknown;
  }
  void restart() { *this = {}; }

 private:
  static constexpr std::size_t kKept = 8;
  static constexpr std::int32_t kLateBy = 80;  // ms; a loaded machine is seldom late by so much
  struct Seen {
    std::size_t count = 0;
    std::array<std::int32_t, kKept> delays{};  // the last ones
  };
  struct Judgement {
    int prompt = 0, late = 0;
  };
  static std::int32_t difference(std::int32_t a, std::int32_t b) {
    return static_cast<std::int32_t>(static_cast<std::uint32_t>(a) - static_cast<std::uint32_t>(b));
  }
  Judgement judge(Mark::Kind kind) const {
    const auto& one = seen_[static_cast<std::size_t>(kind)];
    Judgement out;
    for (std::size_t i = 0; i < std::min(one.count, kKept); ++i)
      ++(difference(one.delays[i], *least_) > kLateBy ? out.late : out.prompt);
    return out;
  }

  std::array<Seen, 3> seen_{};
  std::optional<std::int32_t> least_;
};

}  // namespace culvert::exchange
