// agent/enclosure_census.h: tells when the last process of a network namespace has ended, whoever
// its parent was. The kernel has no event for that: one process of it is watched at a time, and
// when that one has ended, another one is looked for.
#pragma once
#include <sys/types.h>

#include <optional>

#include "tunnel/base/result.h"
#include "tunnel/base/unique_fd.h"
#include "tunnel/loop/fd_watch.h"

namespace culvert::agent {

class EnclosureCensus final : private loop::FdWatch::Listener {
 public:
  class Listener {
   public:
    virtual void on_enclosure_empty() = 0;

   protected:
    ~Listener() = default;
  };

  EnclosureCensus(loop::Loop& loop, Listener& listener) : loop_(loop), listener_(listener) {}
  Result<void> start(pid_t first, ino_t network_namespace);

 private:
  void on_fd_ready(loop::FdWatch& watch, bool readable, bool writable) override;
  bool watch_process(pid_t process);
  std::optional<pid_t> find_process() const;

  loop::Loop& loop_;
  Listener& listener_;
  ino_t network_namespace_ = 0;
  UniqueFd process_;  // a pidfd
  std::optional<loop::FdWatch> watch_;
};

}  // namespace culvert::agent
