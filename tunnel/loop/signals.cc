#include "tunnel/loop/signals.h"

#include <csignal>

namespace culvert::loop {

Signals::Signals(Loop& loop, Listener& listener)
    : listener_(listener),
      term_(make_handle<uv_signal_t>(this, uv_signal_init, loop.uv())),
      interrupt_(make_handle<uv_signal_t>(this, uv_signal_init, loop.uv())) {
  std::signal(SIGPIPE, SIG_IGN);
  uv_signal_start(term_.get(), Callback<&Signals::on_signal>::call, SIGTERM);
  uv_signal_start(interrupt_.get(), Callback<&Signals::on_signal>::call, SIGINT);
  uv_unref(reinterpret_cast<uv_handle_t*>(term_.get()));
  uv_unref(reinterpret_cast<uv_handle_t*>(interrupt_.get()));
}

}  // namespace culvert::loop
