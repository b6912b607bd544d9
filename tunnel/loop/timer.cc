#include "tunnel/loop/timer.h"

#include <algorithm>

namespace culvert::loop {
namespace {

constexpr std::size_t kMostSpare = 64;

}  // namespace

Timer::Timer(Loop& loop, Listener& listener) : loop_(loop), listener_(listener) {
  if (loop.spare_timers_.empty()) {
    timer_ = make_handle<uv_timer_t>(this, uv_timer_init, loop.uv());
    return;
  }
  timer_ = std::move(loop.spare_timers_.back());
  loop.spare_timers_.pop_back();
  timer_->data = this;
}

Timer::~Timer() {
  if (loop_.spare_timers_.size() >= kMostSpare) return;
  stop();
  timer_->data = nullptr;
  loop_.spare_timers_.push_back(std::move(timer_));
}

void Timer::start(Duration after) {
  const auto milliseconds =
      std::max<std::int64_t>(0, std::chrono::ceil<std::chrono::milliseconds>(after).count());
  uv_timer_start(timer_.get(), Callback<&Timer::on_due>::call,
                 static_cast<std::uint64_t>(milliseconds), 0);
}

}  // namespace culvert::loop
