// tunnel/loop/fd_watch.h: tells when a descriptor it does not own is readable or writable.
#pragma once
#include "tunnel/loop/loop.h"

namespace culvert::loop {

class FdWatch {
 public:
  class Listener {
   public:
    virtual void on_fd_ready(FdWatch& watch, bool readable, bool writable) = 0;  // may destroy it

   protected:
    ~Listener() = default;
  };

  // `fd` must stay open until the watch is gone or stopped. Sets it non-blocking.
  FdWatch(Loop& loop, int fd, Listener& listener);
  FdWatch(const FdWatch&) = delete;
  FdWatch& operator=(const FdWatch&) = delete;
  void start(bool readable, bool writable);  // neither: stops. An error shows as both ready

 private:
  void on_poll(int status, int events);
  Listener& listener_;
  Handle<uv_poll_t> poll_;
};

}  // namespace culvert::loop
