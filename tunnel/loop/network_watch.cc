#include "tunnel/loop/network_watch.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <cerrno>

namespace culvert::loop {
namespace {

UniqueFd open_netlink() {
  UniqueFd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE));
  sockaddr_nl at{};
  at.nl_family = AF_NETLINK;
  at.nl_groups =
      RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE;
  if (fd && ::bind(fd.get(), reinterpret_cast<sockaddr*>(&at), sizeof at) != 0) fd.reset();
  return fd;
}

// What came is not looked at: after an overrun (ENOBUFS) nobody knows what it was anyway.
bool drain(int fd) {
  char buffer[16 * 1024];
  bool something = false;
  while (true) {
    const auto count = ::recv(fd, buffer, sizeof buffer, 0);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0 && (count == 0 || errno != ENOBUFS)) return something;
    something = true;
  }
}

}  // namespace

NetworkWatch::NetworkWatch(Loop& loop, Listener& listener)
    : listener_(listener),
      netlink_(open_netlink()),
      clock_(::timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK)),
      settle_(loop, *this) {
  if (netlink_) {
    netlink_watch_.emplace(loop, netlink_.get(), static_cast<FdWatch::Listener&>(*this));
    netlink_watch_->start(/*readable=*/true, /*writable=*/false);
  }
  if (clock_) {
    arm_clock();
    clock_watch_.emplace(loop, clock_.get(), static_cast<FdWatch::Listener&>(*this));
    clock_watch_->start(/*readable=*/true, /*writable=*/false);
  }
}

// A timer that never comes due, but is cancelled when the wall clock jumps: the kernel sets that
// clock after suspension (timerfd_create(2), TFD_TIMER_CANCEL_ON_SET).
void NetworkWatch::arm_clock() {
  itimerspec never{};
  never.it_value.tv_sec = 0x7fff'ffff'ffff / 4096;
  ::timerfd_settime(clock_.get(), TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, nullptr);
}

void NetworkWatch::on_fd_ready(FdWatch& watch, bool, bool) {
  bool changed = false;
  if (clock_watch_ && &watch == &*clock_watch_) {
    std::uint64_t times = 0;
    changed = ::read(clock_.get(), &times, sizeof times) < 0 && errno == ECANCELED;
    if (changed) arm_clock();
  } else {
    changed = drain(netlink_.get());
  }
  if (changed && !settle_.running()) settle_.start(kSettle);
}

void NetworkWatch::on_timer(Timer&) { listener_.on_network_changed(); }

}  // namespace culvert::loop
