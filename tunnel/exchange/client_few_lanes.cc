// Networks that let each machine have few connections at a time, or one: more are reset, vanish, or
// are refused by the proxy. What would hold a connection for long is not done there then: no
// streams, and where there is one lane, data and short polls take turns on it.
#include <algorithm>

#include "tunnel/exchange/client.h"

namespace culvert::exchange {
namespace {

constexpr std::size_t kFew = 4;  // a stream each way, and a request each way
constexpr int kMostRefusals = 2;
constexpr Duration kDialPatience = std::chrono::milliseconds{1500};  // beside a lane that works
constexpr Duration kFirstPause = std::chrono::seconds{30}, kMostPause = std::chrono::minutes{10};
// What is written has to wait for the answer.
constexpr Duration kShortPoll = std::chrono::milliseconds{100}, kIdlePoll = std::chrono::seconds{1};

}  // namespace

bool Client::few() const { return most_lanes_ < kFew; }

std::size_t Client::open_lanes() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(lanes_, [](const auto& lane) { return !lane->closed(); }));
}

void Client::dialling() {
  if (dialling_++ == 0) {
    dialling_since_ = pumped_at_;
    dial_came_ = false;
  }
  if (open_lanes() != 0) ++dials_beside_;
}

std::optional<TimePoint> Client::dial_deadline() const {
  if (dialling_ == 0 || silent_dials_ >= kFew) return std::nullopt;
  const bool beside = open_lanes() != 0 || dials_beside_ != 0 || dial_came_;
  if (!beside && !few()) return std::nullopt;
  return dialling_since_ + kDialPatience;
}

// Beside one that works, or did when it was begun.
void Client::lane_refused(TimePoint now) {
  const auto open = open_lanes();
  if (++refusals_ >= kMostRefusals && open != 0) limit_lanes(open, now);
}

void Client::limit_lanes(std::size_t most, TimePoint now) {
  if (most >= most_lanes_) return;
  most_lanes_ = most;
  refusals_ = 0;
  lane_pause_ = lane_pause_ == Duration{} ? kFirstPause : std::min(lane_pause_ * 2, kMostPause);
  more_lanes_at_ = now + lane_pause_;
  if (!few()) return;
  for (const auto& lane : lanes_) {
    const auto* const flight = lane->flight();
    if (flight == nullptr || lane->closed() || flight->number == 0) continue;
    switch (flight->kind) {
      case RequestKind::kPost: continue;
      case RequestKind::kPostStream:
        if (flight->whole) continue;
        sender_.lost(flight->number);
        break;
      case RequestKind::kPoll:
        if (most > 1) continue;
        [[fallthrough]];
      case RequestKind::kStream: lost_.push_back({flight->number}); break;
    }
    lane->close();
  }
}

// Dials that are silent may still end, and what they lead to is used. The lane beside which they
// were begun may be gone: nobody waits for them then, either.
void Client::watch_dials(TimePoint now) {
  const auto due = dial_deadline();
  if (!due || now < *due) return;
  silent_dials_ += std::exchange(dialling_, 0);
  limit_lanes(std::max<std::size_t>(1, open_lanes()), now);
}

bool Client::dial_ended_beside() {
  if (dialling_ != 0)
    --dialling_;
  else if (silent_dials_ != 0)
    --silent_dials_;
  if (dials_beside_ == 0) return false;
  --dials_beside_;
  return true;
}

Duration Client::poll_patience(TimePoint now) const {
  if (most_lanes_ > 1) return kPatience;
  if (sender_.due() != 0) return {};
  return active(now) ? kShortPoll : kIdlePoll;
}

void Client::pump_few(TimePoint now) {
  if (most_lanes_ == 1) {
    auto* const lane = idle_lane_or_want();
    if (lane == nullptr) return;
    posted_last_ = !posted_last_ && (sender_.due() != 0 || sender_.has_lost());
    if (posted_last_) return post(*lane, now);
    begin(*lane, RequestKind::kPoll, now, 0, nullptr, /*trusted=*/false);
    return;
  }
  if (count(RequestKind::kPoll) == 0)
    if (auto* const lane = idle_lane_or_want(); lane != nullptr)
      begin(*lane, RequestKind::kPoll, now, 0, nullptr, /*trusted=*/false);
  while (sender_.due() != 0 || sender_.has_lost() || must_tell()) {
    if (!established_ && count(RequestKind::kPost) != 0) return;
    auto* const lane = idle_lane_or_want();
    if (lane == nullptr) return;
    post(*lane, now);
  }
}

}  // namespace culvert::exchange
