// tunnel/loop/loop.h: the event loop of one thread. Knows nothing of sockets or protocols.
#pragma once
#include <uv.h>

#include <memory>
#include <optional>
#include <vector>

#include "tunnel/base/time.h"
#include "tunnel/loop/handle.h"
#include "tunnel/loop/poller.h"

namespace culvert::loop {

class LastWords;
class Loop;

// Work to be done once, before the loop sleeps again, however often it was asked for: an owner
// that is a Deferred gathers all output of a turn and sends it in one system call.
class Deferred {
 public:
  explicit Deferred(Loop& loop) : loop_(&loop) {}
  Deferred(const Deferred&) = delete;
  Deferred& operator=(const Deferred&) = delete;
  void schedule();  // no effect if scheduled already

 protected:
  virtual ~Deferred();
  // To the loop of another thread: between the two nothing may be called. What was scheduled is
  // forgotten.
  void leave_loop();
  void enter_loop(Loop& loop) { loop_ = &loop; }

 private:
  friend class Loop;
  virtual void run_deferred() = 0;
  Loop* loop_;
  Deferred* next_ = nullptr;
  Deferred** link_ = nullptr;  // null: not scheduled
};

// Destroying the loop runs until every handle is closed and asserts that none leaked.
class Loop {
 public:
  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  uv_loop_t* uv() { return &uv_; }
  Poller& poller() { return *poller_; }
  void run();       // until stop(), or until nothing is left that could happen
  void run_once();  // one turn, which may sleep
  void stop() { stopped_ = true; }
  LastWords& last_words();  // made when first asked for
  TimePoint now() const;    // of this turn, in milliseconds: cheap, for deadlines
  static TimePoint precise_now() { return TimePoint{Duration{uv_hrtime()}}; }  // same clock
  static UnixTime wall_clock();

 private:
  friend class Deferred;
  friend class Timer;
  void run_all_deferred();
  static void on_prepare(uv_prepare_t* handle);

  uv_loop_t uv_;
  std::optional<Poller> poller_;
  Handle<uv_prepare_t> prepare_;
  std::vector<Handle<uv_timer_t>> spare_timers_;  // closing a handle takes a run of libuv
  std::unique_ptr<LastWords> last_words_;
  Deferred* first_ = nullptr;
  bool stopped_ = false;
};

}  // namespace culvert::loop
