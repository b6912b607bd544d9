#include "tunnel/loop/fd_watch.h"

#include <cassert>

namespace culvert::loop {

void FdWatch::start(bool readable, bool writable) {
  const std::uint32_t events = (readable ? EPOLLIN : 0u) | (writable ? EPOLLOUT : 0u);
  if (events == events_) return;
  if (events == 0) return stop();
  if (events_ == 0)
    poller_.watch(fd_, events, *this);
  else
    poller_.change(fd_, events);
  events_ = events;
}

void FdWatch::stop() {
  if (std::exchange(events_, 0) != 0) poller_.unwatch(fd_);
}

void FdWatch::stop_and_close(UniqueFd& fd) {
  assert(fd.get() == fd_);
  if (std::exchange(events_, 0) != 0) poller_.forget(fd_);
  fd.reset();
}

void FdWatch::on_events(std::uint32_t events) {
  if ((events & EPOLLERR) != 0) return listener_.on_fd_ready(*this, true, true);
  if ((events & EPOLLHUP) != 0) events |= events_;
  listener_.on_fd_ready(*this, (events & EPOLLIN) != 0, (events & EPOLLOUT) != 0);
}

}  // namespace culvert::loop
