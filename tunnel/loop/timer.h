// tunnel/loop/timer.h: one deadline, one callback.
#pragma once
#include "tunnel/loop/loop.h"

namespace culvert::loop {

class Timer {
 public:
  class Listener {
   public:
    virtual void on_timer(Timer& timer) = 0;  // may destroy the timer

   protected:
    ~Listener() = default;
  };

  Timer(Loop& loop, Listener& listener);
  ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  void start(Duration after);  // restarts if running; resolution 1 ms, rounded up
  void stop() { uv_timer_stop(timer_.get()); }
  bool running() const { return uv_is_active(reinterpret_cast<uv_handle_t*>(timer_.get())) != 0; }

 private:
  void on_due() { listener_.on_timer(*this); }

  Loop& loop_;
  Listener& listener_;
  Handle<uv_timer_t> timer_;
};

}  // namespace culvert::loop
