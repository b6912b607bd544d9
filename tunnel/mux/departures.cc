#include "tunnel/mux/departures.h"

#include <cassert>

namespace culvert::mux {

void Departures::reset(StreamId stream, ErrorCode code, std::string reason) {
  due_.push_back({stream, code, 0, std::move(reason), 0});
}

void Departures::ended(StreamId stream, std::uint64_t received) {
  unconfirmed_.push_back({stream, ErrorCode::kNone, received, {}, next_ping_});
}

Frame Departures::next() const {
  assert(due());
  const auto& one = due_.front();
  if (one.code != ErrorCode::kNone) return Reset{one.stream, one.code, one.reason};
  return Window{one.stream, one.received, one.received, /*accepted=*/false};
}

void Departures::sent() {
  unconfirmed_.push_back(std::move(due_.front()));
  unconfirmed_.back().before = next_ping_;
  due_.pop_front();
}

void Departures::pinged(std::uint64_t value) {
  pinged_value_ = value;
  ++next_ping_;
}

// Only the newest PING counts: what went out since it was sent carries a higher number.
void Departures::confirmed(std::uint64_t value) {
  if (!pinged_value_ || *pinged_value_ != value) return;
  pinged_value_.reset();
  while (!unconfirmed_.empty() && unconfirmed_.front().before < next_ping_)
    unconfirmed_.pop_front();
}

void Departures::restart() {
  pinged_value_.reset();
  due_.prepend(std::move(unconfirmed_));
}

std::vector<DepartureSnapshot> Departures::snapshot() const {
  std::vector<DepartureSnapshot> out;
  for (const auto* list : {&unconfirmed_, &due_})
    for (const auto& one : *list) out.push_back({one.stream, one.code, one.received, one.reason});
  return out;
}

void Departures::restore(const std::vector<DepartureSnapshot>& from) {
  for (const auto& one : from) due_.push_back({one.stream, one.code, one.received, one.reason, 0});
}

}  // namespace culvert::mux
