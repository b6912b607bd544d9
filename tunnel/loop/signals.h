// tunnel/loop/signals.h: SIGTERM and SIGINT as one event of the loop; SIGPIPE is ignored.
#pragma once
#include "tunnel/loop/loop.h"

namespace culvert::loop {

class Signals {
 public:
  class Listener {
   public:
    virtual void on_terminate(int signal) = 0;

   protected:
    ~Listener() = default;
  };

  Signals(Loop& loop, Listener& listener);

 private:
  void on_signal(int signal) { listener_.on_terminate(signal); }
  Listener& listener_;
  Handle<uv_signal_t> term_, interrupt_;
};

}  // namespace culvert::loop
