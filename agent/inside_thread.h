// agent/inside_thread.h: a thread that lives in another network namespace and does there what it is
// told. A socket belongs for ever to the namespace of the thread that made it, and may be used from
// anywhere: so one process, with one event loop, can have sockets on both sides. (Going to and fro
// with setns() needs privileges over the namespace that one comes back to.)
#pragma once
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "tunnel/base/result.h"

namespace culvert::agent {

class InsideThread {
 public:
  InsideThread() = default;
  ~InsideThread();
  InsideThread(const InsideThread&) = delete;
  InsideThread& operator=(const InsideThread&) = delete;

  Result<void> enter(int network_namespace);    // a descriptor of /proc/PID/ns/net; once
  void run(const std::function<void()>& work);  // returns when it is done, errno and all

  template <class Make>
  auto make(Make make) {
    decltype(make()) made;
    run([&] { made = make(); });
    return made;
  }

 private:
  void serve(int network_namespace);

  std::mutex mutex_;
  std::condition_variable changed_;
  const std::function<void()>* work_ = nullptr;
  int error_ = -1;  // of entering; -1: not known yet
  int work_errno_ = 0;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace culvert::agent
