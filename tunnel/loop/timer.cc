#include "tunnel/loop/timer.h"

#include <algorithm>

namespace culvert::loop {

Timer::Timer(Loop& loop, Listener& listener)
    : listener_(listener), timer_(make_handle<uv_timer_t>(this, uv_timer_init, loop.uv())) {}

void Timer::start(Duration after) {
  const auto milliseconds =
      std::max<std::int64_t>(0, std::chrono::ceil<std::chrono::milliseconds>(after).count());
  uv_timer_start(timer_.get(), Callback<&Timer::on_due>::call,
                 static_cast<std::uint64_t>(milliseconds), 0);
}

}  // namespace culvert::loop
