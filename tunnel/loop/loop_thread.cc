#include "tunnel/loop/loop_thread.h"

#include <sched.h>

#include <algorithm>
#include <csignal>

namespace culvert::loop {
namespace {

// Those that this process may run on; 1 where the system does not say.
std::size_t usable_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  // EINVAL where the machine has more than a cpu_set_t has room for.
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return static_cast<std::size_t>(std::max(1, CPU_COUNT(&set)));
}

}  // namespace

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

LoopThreads::LoopThreads(std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) threads_.push_back(std::make_unique<LoopThread>());
}

std::size_t LoopThreads::default_count() {
  const auto cores = usable_cores();
  return cores == 1 ? 0 : std::min(cores, kMost);
}

void LoopThreads::start() {
  for (const auto& thread : threads_) thread->start();
}

void LoopThreads::stop() {
  for (const auto& thread : threads_) thread->stop();
}

}  // namespace culvert::loop
