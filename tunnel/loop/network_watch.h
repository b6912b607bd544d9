// tunnel/loop/network_watch.h: tells when this machine's addresses, links or routes have changed,
// and when it wakes from suspension. A connection made before may be dead now without a sign: the
// far end's packets go to an address that is gone, and a NAT forgets while a laptop sleeps.
//
// Says only that something changed: many changes at once (a network manager at work) are one event,
// kSettle after the first. Needs no privilege. Where the kernel refuses the sockets nothing is
// told.
#pragma once
#include <optional>

#include "tunnel/base/unique_fd.h"
#include "tunnel/loop/fd_watch.h"
#include "tunnel/loop/timer.h"

namespace culvert::loop {

class NetworkWatch final : private FdWatch::Listener, private Timer::Listener {
 public:
  static constexpr std::chrono::milliseconds kSettle{100};

  class Listener {
   public:
    virtual void on_network_changed() = 0;

   protected:
    ~Listener() = default;
  };

  NetworkWatch(Loop& loop, Listener& listener);

 private:
  void on_fd_ready(FdWatch& watch, bool readable, bool writable) override;
  void on_timer(Timer& timer) override;
  void arm_clock();

  Listener& listener_;
  UniqueFd netlink_, clock_;
  std::optional<FdWatch> netlink_watch_, clock_watch_;
  Timer settle_;
};

}  // namespace culvert::loop
