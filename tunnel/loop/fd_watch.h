// tunnel/loop/fd_watch.h: tells when a descriptor it does not own is readable or writable, for as
// long as it is (level-triggered).
#pragma once
#include "tunnel/loop/loop.h"

namespace culvert::loop {

class FdWatch final : private Poller::Watcher {
 public:
  class Listener {
   public:
    virtual void on_fd_ready(FdWatch& watch, bool readable, bool writable) = 0;  // may destroy it

   protected:
    ~Listener() = default;
  };

  // `fd` must stay open until the watch is gone or stopped.
  FdWatch(Loop& loop, int fd, Listener& listener)
      : poller_(loop.poller()), listener_(listener), fd_(fd) {}
  ~FdWatch() { stop(); }
  void start(bool readable, bool writable);  // neither: stops. An error shows as both ready
  void stop();
  // Stops, right before the descriptor is closed: that saves a system call later.
  void stop_and_close(UniqueFd& fd);

 private:
  void on_events(std::uint32_t events) override;

  Poller& poller_;
  Listener& listener_;
  int fd_;
  std::uint32_t events_ = 0;  // watched for; 0: stopped
};

}  // namespace culvert::loop
