// agent/supervision.h: the way for programs that load no library where namespaces are not allowed:
// their network calls wait (agent/call_filter.h) until a supervisor, a process beside them, has
// carried them out. Needs no privilege and no more than seccomp; each of those calls wakes another
// process, and read, write, poll and the like cost nothing.
#pragma once
#include <functional>
#include <span>
#include <string>

#include "tunnel/base/result.h"

namespace culvert::agent {

// What is not carried that way, for people.
inline constexpr const char* kNotSupervised =
    "io_uring (it is refused), 32-bit programs that it starts, and setuid ones (they get no more "
    "rights than its own)";

// Returns when everything is in place; from then on exec() is all that may follow.
// `prepare_environment`: in the supervisor's process, makes the shim be loaded into what it
// executes. kNotPermitted, with what to do.
Result<void> enter_supervision(const std::function<void()>& prepare_environment);

inline constexpr std::string_view kSuperviseVerb = "supervise";
// The supervisor's process; started by the above, not by people. Arguments: the program's process
// id; its end of the companion's socket is descriptor kCommandFd.
inline constexpr int kCommandFd = 3;
int supervise_command(std::span<char* const> arguments);

}  // namespace culvert::agent
