// service/store_wait.h: asks a store one question after the other and runs the loop until each is
// answered (10 s at most): for programs that have nothing else to do meanwhile, never for the
// daemon.
#pragma once
#include "service/store.h"
#include "tunnel/loop/timer.h"

namespace culvert::service {

class StoreWait final : private StoreCall::Listener, private loop::Timer::Listener {
 public:
  explicit StoreWait(loop::Loop& loop) : loop_(loop), call_(loop, *this), timer_(loop, *this) {}
  StoreCall& call() { return call_; }
  Result<StoreCall::Answer> wait() {
    timer_.start(std::chrono::seconds{10});
    while (!answered_ && timer_.running()) loop_.run_once();
    timer_.stop();
    if (!std::exchange(answered_, false))
      return fail(ErrorCode::kTimedOut, "the database does not answer");
    return call_.answer();
  }

 private:
  void on_store_answer(StoreCall&) override {
    answered_ = true;
    timer_.start(Duration::zero());  // wakes wait()
  }
  void on_timer(loop::Timer&) override {}
  loop::Loop& loop_;
  StoreCall call_;
  loop::Timer timer_;
  bool answered_ = false;
};

}  // namespace culvert::service
