// tunnel/loop/signals.h: SIGTERM and SIGINT as one event of the loop; SIGPIPE is ignored. So is
// SIGHUP (with a word in the log: nothing is read anew), but by what was started at a terminal,
// which it ends.
#pragma once
#include <string>

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
  static std::string name_of(int signal);  // "SIGTERM"

 private:
  void on_signal(int signal);
  Listener& listener_;
  bool at_terminal_;
  Handle<uv_signal_t> term_, interrupt_, hangup_;
};

}  // namespace culvert::loop
