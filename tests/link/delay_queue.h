// tests/link/delay_queue.h: octets of one direction of one connection on their way, each with the
// time at which it arrives, and behind them the end of the direction.
//
// Does no I/O and reads no clock.
#pragma once
#include <sys/uio.h>

#include <cstddef>
#include <deque>
#include <optional>
#include <span>
#include <vector>

#include "tunnel/base/bytes.h"
#include "tunnel/base/time.h"

namespace culvert::link {

enum class Ending { kNone, kFin, kReset };

class DelayQueue {
 public:
  // Nothing overtakes: what was pushed later arrives no earlier than what was pushed before.
  void push(Bytes octets, TimePoint arrival);
  void end(Ending how, TimePoint arrival);  // the first one counts; nothing may be pushed behind it

  // Fills `out` with what has arrived by now, at most `most` octets; gives how many entries it
  // used.
  std::size_t gather(TimePoint now, std::size_t most, std::span<iovec> out) const;
  void pop(std::size_t count);

  // The end, once it has arrived. A reset counts although octets before it wait for a receiver that
  // does not read, as with TCP; a FIN does not.
  Ending ending(TimePoint now) const;

  std::optional<TimePoint> next_arrival() const;  // of the first octet, or else of the end
  std::optional<TimePoint> reset_arrival() const;
  bool ended() const { return ending_ != Ending::kNone; }

  // Memory: the octets and what each piece costs besides.
  std::size_t held() const { return held_; }
  void clear();

 private:
  struct Piece {
    TimePoint arrival;
    std::vector<std::byte> octets;
    std::size_t popped = 0;
  };
  static constexpr std::size_t kPieceCost = 96;

  TimePoint in_order(TimePoint arrival);

  std::deque<Piece> pieces_;
  std::size_t held_ = 0;
  TimePoint latest_ = TimePoint::min();
  Ending ending_ = Ending::kNone;
  TimePoint end_arrival_{};
};

}  // namespace culvert::link
