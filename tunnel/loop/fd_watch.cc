#include "tunnel/loop/fd_watch.h"

#include <cassert>

namespace culvert::loop {

FdWatch::FdWatch(Loop& loop, int fd, Listener& listener)
    : listener_(listener), poll_(make_handle<uv_poll_t>(this, uv_poll_init, loop.uv(), fd)) {
  assert(poll_ != nullptr);
}

void FdWatch::start(bool readable, bool writable) {
  const int events = (readable ? UV_READABLE : 0) | (writable ? UV_WRITABLE : 0);
  if (events == 0)
    uv_poll_stop(poll_.get());
  else
    uv_poll_start(poll_.get(), events, Callback<&FdWatch::on_poll>::call);
}

void FdWatch::on_poll(int status, int events) {
  if (status < 0) return listener_.on_fd_ready(*this, true, true);
  listener_.on_fd_ready(*this, (events & UV_READABLE) != 0, (events & UV_WRITABLE) != 0);
}

}  // namespace culvert::loop
