#include "tests/link/delay_queue.h"

#include <algorithm>
#include <cassert>

namespace culvert::link {

TimePoint DelayQueue::in_order(TimePoint arrival) { return latest_ = std::max(latest_, arrival); }

void DelayQueue::push(Bytes octets, TimePoint arrival) {
  assert(!ended());
  pieces_.push_back({in_order(arrival), {octets.begin(), octets.end()}});
  held_ += octets.size() + kPieceCost;
}

void DelayQueue::end(Ending how, TimePoint arrival) {
  if (ended()) return;
  ending_ = how;
  end_arrival_ = in_order(arrival);
}

std::size_t DelayQueue::gather(TimePoint now, std::size_t most, std::span<iovec> out) const {
  std::size_t used = 0;
  for (const auto& piece : pieces_) {
    if (used == out.size() || piece.arrival > now || most == 0) break;
    const auto count = std::min(most, piece.octets.size() - piece.popped);
    const auto* start = piece.octets.data() + piece.popped;
    out[used++] = {.iov_base = const_cast<std::byte*>(start), .iov_len = count};  // only read from
    most -= count;
  }
  return used;
}

void DelayQueue::pop(std::size_t count) {
  while (count > 0) {
    assert(!pieces_.empty());
    auto& first = pieces_.front();
    const auto here = std::min(count, first.octets.size() - first.popped);
    first.popped += here;
    count -= here;
    if (first.popped < first.octets.size()) return;
    held_ -= first.octets.size() + kPieceCost;
    pieces_.pop_front();
  }
}

Ending DelayQueue::ending(TimePoint now) const {
  if (!ended() || end_arrival_ > now) return Ending::kNone;
  return ending_ == Ending::kReset || pieces_.empty() ? ending_ : Ending::kNone;
}

std::optional<TimePoint> DelayQueue::next_arrival() const {
  if (!pieces_.empty()) return pieces_.front().arrival;
  if (ended()) return end_arrival_;
  return std::nullopt;
}

std::optional<TimePoint> DelayQueue::reset_arrival() const {
  if (ending_ != Ending::kReset) return std::nullopt;
  return end_arrival_;
}

void DelayQueue::clear() {
  pieces_.clear();
  held_ = 0;
}

}  // namespace culvert::link
