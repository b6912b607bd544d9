// agent/notified_call.h: one system call that a program waits in until its supervisor
// (agent/call_filter.h) has decided what comes of it. May be used in any thread.
#pragma once
#include <linux/seccomp.h>
#include <sys/types.h>

#include <cstdint>
#include <optional>

#include "tunnel/base/unique_fd.h"

namespace culvert::agent {

class NotifiedCall {
 public:
  // Nothing: no call waits (any more). `supervisor`: readable, or this blocks.
  static std::optional<NotifiedCall> receive(int supervisor);

  int number() const { return notification_.data.nr; }
  std::uint64_t argument(unsigned index) const { return notification_.data.args[index]; }
  int int_argument(unsigned index) const { return static_cast<int>(argument(index)); }
  pid_t process() const;  // 0: it is gone
  // Whether its thread has one of capabilities(7), in the user namespace that we are in.
  bool has_capability(int capability) const;
  bool same_as(const NotifiedCall& other) const;  // the same thread calls the same again

  // One of them, once. Below zero: an errno. False: a signal has interrupted the call, or killed
  // the program; the former calls again if the signal's handler restarts calls.
  bool answer(std::int64_t result) const;
  void let_run() const;  // as if nobody supervised it
  bool answer_with_descriptor(const UniqueFd& fd, bool close_on_exec) const;  // a new one of its
  // False: interrupted, as above.
  bool waits() const;

  // A duplicate of the descriptor that the first argument names, as the program has it; nothing:
  // errno says why: EBADF: there is none, EPERM: the program is out of reach.
  UniqueFd descriptor() const;
  // The program's memory. False: not there (EFAULT), or out of reach.
  bool read(std::uint64_t from, void* to, std::size_t size) const;
  bool write(std::uint64_t to, const void* from, std::size_t size) const;

 private:
  NotifiedCall(int supervisor, const seccomp_notif& notification)
      : supervisor_(supervisor), notification_(notification) {}
  UniqueFd handle() const;

  int supervisor_;
  seccomp_notif notification_;
};

}  // namespace culvert::agent
