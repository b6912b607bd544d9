#include "agent/inside_thread.h"

#include <sched.h>

#include <cerrno>
#include <cstring>

namespace culvert::agent {

InsideThread::~InsideThread() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

Result<void> InsideThread::enter(int network_namespace) {
  thread_ = std::thread([this, network_namespace] { serve(network_namespace); });
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return error_ >= 0; });
  if (error_ == 0) return {};
  return fail(from_errno(error_), "cannot enter the program's network namespace: " +
                                      std::string(std::strerror(error_)));
}

void InsideThread::run(const std::function<void()>& work) {
  std::unique_lock lock(mutex_);
  work_ = &work;
  changed_.notify_all();
  changed_.wait(lock, [this] { return work_ == nullptr; });
  errno = work_errno_;
}

void InsideThread::serve(int network_namespace) {
  std::unique_lock lock(mutex_);
  error_ = setns(network_namespace, CLONE_NEWNET) == 0 ? 0 : errno;
  changed_.notify_all();
  while (!ending_) {
    if (work_ != nullptr) {
      (*work_)();
      work_errno_ = errno;
      work_ = nullptr;
      changed_.notify_all();
    }
    changed_.wait(lock, [this] { return ending_ || work_ != nullptr; });
  }
}

}  // namespace culvert::agent
