// tunnel/loop/child_process.h: a program run as a child, which talks over one socket that is its
// standard input and output. Its standard error is ours. It is killed (SIGKILL) and buried when
// this is destroyed. Uses no signal: its end is seen by its hanging up.
#pragma once
#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "tunnel/base/bytes.h"
#include "tunnel/base/result.h"
#include "tunnel/base/unique_fd.h"
#include "tunnel/loop/fd_watch.h"

namespace culvert::loop {

class ChildProcess final : private FdWatch::Listener {
 public:
  class Listener {
   public:
    virtual void on_child_output(ChildProcess& child, Bytes output) = 0;
    virtual void on_child_ended(ChildProcess& child) = 0;  // once, last

   protected:
    ~Listener() = default;
  };

  // `words` begins with the path of the program, which need not be absolute but is not searched
  // for. Fills `child`, which may be destroyed inside any of the listener's members. kIo: it cannot
  // be started.
  static Result<void> start(Loop& loop, const std::vector<std::string>& words,
                            const std::vector<std::string>& environment, Listener& listener,
                            std::optional<ChildProcess>& child);
  ChildProcess(Loop& loop, pid_t pid, UniqueFd socket, Listener& listener);
  ~ChildProcess();

  // What does not fit into the socket (some hundred KB) is lost: for small talk.
  void write(Bytes input);
  pid_t pid() const { return pid_; }

 private:
  void on_fd_ready(FdWatch& watch, bool readable, bool writable) override;

  Listener& listener_;
  pid_t pid_;
  UniqueFd socket_;
  std::optional<FdWatch> watch_;
};

}  // namespace culvert::loop
