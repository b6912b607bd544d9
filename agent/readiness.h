// agent/readiness.h: what the service manager is told (sd_notify), and when the agent has to end.
// Without NOTIFY_SOCKET in the environment the telling is nothing.
#pragma once
#include <sys/types.h>

#include <optional>
#include <string>

#include "tunnel/base/result.h"
#include "tunnel/base/unique_fd.h"
#include "tunnel/loop/fd_watch.h"

namespace culvert::agent {

void tell_ready(const std::string& status);
void tell_status(const std::string& status);
void tell_stopping(const std::string& why);

// Tells once when a process that is not our child has ended (pidfd: no race with a reused pid
// beyond the start).
class ExitWatch final : private loop::FdWatch::Listener {
 public:
  class Listener {
   public:
    virtual void on_process_ended() = 0;

   protected:
    ~Listener() = default;
  };

  explicit ExitWatch(Listener& listener) : listener_(listener) {}
  Result<void> watch(loop::Loop& loop, pid_t pid);

 private:
  void on_fd_ready(loop::FdWatch& watch, bool readable, bool writable) override;

  Listener& listener_;
  UniqueFd process_;
  std::optional<loop::FdWatch> watch_;
};

}  // namespace culvert::agent
