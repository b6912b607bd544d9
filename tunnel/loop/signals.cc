#include "tunnel/loop/signals.h"

#include <fcntl.h>

#include <csignal>
#include <cstring>

#include "tunnel/base/log.h"
#include "tunnel/base/unique_fd.h"

namespace culvert::loop {

namespace {

// Asked at the start: when the terminal has hung up, it is nobody's any more.
bool has_terminal() {
  return static_cast<bool>(UniqueFd{::open("/dev/tty", O_RDONLY | O_CLOEXEC | O_NOCTTY)});
}

bool is_ignored(int signal) {  // nohup(1)
  struct sigaction now {};
  return ::sigaction(signal, nullptr, &now) == 0 && now.sa_handler == SIG_IGN;
}

}  // namespace

Signals::Signals(Loop& loop, Listener& listener)
    : listener_(listener),
      at_terminal_(has_terminal()),
      term_(make_handle<uv_signal_t>(this, uv_signal_init, loop.uv())),
      interrupt_(make_handle<uv_signal_t>(this, uv_signal_init, loop.uv())),
      hangup_(make_handle<uv_signal_t>(this, uv_signal_init, loop.uv())) {
  std::signal(SIGPIPE, SIG_IGN);
  uv_signal_start(term_.get(), Callback<&Signals::on_signal>::call, SIGTERM);
  uv_signal_start(interrupt_.get(), Callback<&Signals::on_signal>::call, SIGINT);
  uv_unref(reinterpret_cast<uv_handle_t*>(term_.get()));
  uv_unref(reinterpret_cast<uv_handle_t*>(interrupt_.get()));
  if (!is_ignored(SIGHUP))
    uv_signal_start(hangup_.get(), Callback<&Signals::on_signal>::call, SIGHUP);
  uv_unref(reinterpret_cast<uv_handle_t*>(hangup_.get()));
}

std::string Signals::name_of(int signal) {
  const char* const name = ::sigabbrev_np(signal);
  return "SIG" + (name != nullptr ? std::string(name) : std::to_string(signal));
}

void Signals::on_signal(int signal) {
  if (signal != SIGHUP || at_terminal_) return listener_.on_terminate(signal);
  log::warning("signal", {{"event", "not-reloaded"},
                          {"why", "SIGHUP reads nothing anew"},
                          {"do", "systemctl restart: it keeps the connections"}});
}

}  // namespace culvert::loop
