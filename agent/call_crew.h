// agent/call_crew.h: the threads that decide a supervised program's calls. One of them, the leader,
// waits for the next call and deals with it itself; before it does what may take its time, another
// one leads. So a call that is decided at once wakes one thread, and none is handed over.
#pragma once
#include <condition_variable>
#include <functional>
#include <mutex>

#include "agent/notified_call.h"

namespace culvert::agent {

class CallCrew {
 public:
  static constexpr int kMostIdle = 8;  // threads that are kept for calls to come

  // Whose thread the call is dealt with in.
  class Turn {
   public:
    explicit Turn(CallCrew& crew) : crew_(crew) {}
    // What comes now may take as long as the program likes. May be called again. Where no other
    // thread can be had, the calls that come later wait.
    void may_take_long() { gave_up_ = gave_up_ || crew_.let_another_lead(); }
    bool gave_up() const { return gave_up_; }

   private:
    CallCrew& crew_;
    bool gave_up_ = false;
  };
  using Decide = std::function<void(const NotifiedCall& call, Turn& turn)>;

  CallCrew(int supervisor, Decide decide) : supervisor_(supervisor), decide_(std::move(decide)) {}
  CallCrew(const CallCrew&) = delete;
  CallCrew& operator=(const CallCrew&) = delete;

  // Returns when the last process of the program is gone. Threads still wait then: the process has
  // to end before this object does.
  void run();

 private:
  void work();
  void lead();
  bool start_thread();
  bool let_another_lead();

  int supervisor_;
  Decide decide_;
  std::mutex mutex_;
  std::condition_variable place_free_, program_gone_;
  int idle_ = 0;
  bool led_ = false, gone_ = false;
};

}  // namespace culvert::agent
