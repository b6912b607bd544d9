// agent/call_filter.h: makes chosen system calls of this thread, of what it executes and of all its
// children wait for a supervisor (seccomp_unotify(2)). All others go on at once: for calls that are
// never chosen the kernel knows that without running the filter.
//
// Processes of another processor mode (32 bits) are not filtered.
#pragma once
#include <cstdint>
#include <span>

#include "tunnel/base/result.h"
#include "tunnel/base/unique_fd.h"

namespace culvert::agent {

struct ChosenCall {
  int number = 0;        // SYS_*
  int unless_null = -1;  // not if this argument, counted from 0, is a null pointer; -1: always
  int argument = -1;     // only if this one is `value`; -1: always. Of these two, one
  std::uint32_t value = 0;
  int refused_with = 0;  // an errno: it fails with that, always, and waits for nobody
};

// Gives the supervisor's descriptor. It needs CAP_SYS_ADMIN in the own user namespace, or
// no_new_privs (prctl(2)). kNotPermitted where that is missing, or where a supervisor is there
// already. While a call is decided, only signals that kill interrupt it (since Linux 5.19), or
// with kAny those with handlers, too, as they do natively.
enum class InterruptedBy : bool { kKilling, kAny };
Result<UniqueFd> install_call_filter(std::span<const ChosenCall> calls,
                                     InterruptedBy signals = InterruptedBy::kKilling);

}  // namespace culvert::agent
