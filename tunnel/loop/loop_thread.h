// tunnel/loop/loop_thread.h: a loop that runs in a thread of its own. What lives on that loop is
// made and destroyed either by work posted to it, or while the thread does not run.
#pragma once
#include <thread>

#include "tunnel/loop/mailbox.h"

namespace culvert::loop {

class LoopThread {
 public:
  LoopThread() : mailbox_(loop_) {}
  ~LoopThread() { stop(); }

  // Throws std::system_error where the system gives no thread. Signals are left to other threads.
  void start();
  // Does what was posted before, then ends and joins the thread. May be called again.
  void stop();

  Loop& loop() { return loop_; }
  template <class Work>
  void post(Work work) {
    mailbox_.post(std::move(work));
  }

 private:
  Loop loop_;
  Mailbox mailbox_;
  std::thread thread_;
};

// Those that this process may run on (sched_getaffinity(2)); 1 where the system does not say.
std::size_t usable_cores();

}  // namespace culvert::loop
