// tunnel/loop/loop_thread.h: a loop that runs in a thread of its own. What lives on that loop is
// made and destroyed either by work posted to it, or while the thread does not run.
#pragma once
#include <memory>
#include <thread>
#include <vector>

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

  bool running() const { return thread_.joinable(); }  // asked by who starts and stops it
  Loop& loop() { return loop_; }
  Mailbox& mailbox() { return mailbox_; }
  template <class Work>
  void post(Work work) {
    mailbox_.post(std::move(work));
  }

 private:
  Loop loop_;
  Mailbox mailbox_;
  std::thread thread_;
};

// Several of them, for whoever spreads work. What lives on their loops goes while none runs.
class LoopThreads {
 public:
  static constexpr std::size_t kMost = 16;
  static std::size_t default_count();  // one for each core, and none where there is but one

  explicit LoopThreads(std::size_t count);
  std::size_t size() const { return threads_.size(); }
  LoopThread& operator[](std::size_t index) const { return *threads_[index]; }
  void start();  // as LoopThread::start()
  void stop();   // each, after all that was posted to it before

 private:
  std::vector<std::unique_ptr<LoopThread>> threads_;
};

}  // namespace culvert::loop
