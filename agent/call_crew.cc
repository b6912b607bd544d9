#include "agent/call_crew.h"

#include <poll.h>

#include <system_error>
#include <thread>

namespace culvert::agent {

void CallCrew::run() {
  if (!start_thread()) return;
  std::unique_lock lock(mutex_);
  program_gone_.wait(lock, [this] { return gone_; });
}

bool CallCrew::start_thread() {
  try {
    std::thread([this] { work(); }).detach();
  } catch (const std::system_error&) {  // RLIMIT_NPROC, a cgroup's pids.max
    return false;
  }
  return true;
}

void CallCrew::work() {
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      if (idle_ >= kMostIdle) return;
      ++idle_;
      place_free_.wait(lock, [this] { return !led_; });
      --idle_;
      led_ = true;
    }
    lead();
  }
}

// Asked first whether there is a call: before Linux 6.11 receiving one does not end with the
// program.
void CallCrew::lead() {
  for (;;) {
    pollfd look{supervisor_, POLLIN, 0};
    if (::poll(&look, 1, -1) < 0) continue;
    if ((look.revents & POLLIN) == 0) {
      const std::lock_guard lock(mutex_);
      gone_ = true;
      return program_gone_.notify_one();
    }
    Turn turn(*this);
    if (const auto call = NotifiedCall::receive(supervisor_)) decide_(*call, turn);
    if (turn.gave_up()) return;
  }
}

bool CallCrew::let_another_lead() {
  std::unique_lock lock(mutex_);
  if (idle_ == 0 && !start_thread()) return false;
  led_ = false;
  lock.unlock();
  place_free_.notify_one();
  return true;
}

}  // namespace culvert::agent
