#include "tunnel/loop/loop_thread.h"

#include <sched.h>

#include <algorithm>
#include <csignal>

namespace culvert::loop {

void LoopThread::start() {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    thread_ = std::thread([this] { loop_.run(); });
  } catch (...) {
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    throw;
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void LoopThread::stop() {
  if (!thread_.joinable()) return;
  post([this] { loop_.stop(); });
  thread_.join();
}

std::size_t usable_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  // EINVAL where the machine has more than a cpu_set_t has room for.
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return static_cast<std::size_t>(std::max(1, CPU_COUNT(&set)));
}

}  // namespace culvert::loop
