// agent/companion.h: a process beside the program that `culvert run` is to become, which does
// something for it as long as it lives: a porter (agent/porter.h), a supervisor
// (agent/supervision.h).
#pragma once
#include <sys/types.h>

#include <functional>

#include "tunnel/base/result.h"
#include "tunnel/base/unique_fd.h"

namespace culvert::agent {

// On the side of the program-to-be.
// Runs `run` in a process that is not its child; gives the other end of `command`.
Result<UniqueFd> start_companion(const std::function<void(UniqueFd command)>& run);
// Says "ready", passing a descriptor (or none), and waits for "carrying". Anything else that is
// answered is the error.
Result<void> let_companion_start(const UniqueFd& companion, const UniqueFd& passed);
// The same where sendmsg() of ours waits for the companion already: says the descriptor's number.
Result<void> let_companion_fetch(const UniqueFd& companion, const UniqueFd& fetched);

// On its own side.
inline constexpr const char* kCarrying = "carrying";
// Nothing of the program's is to be kept open, waited for or hung up by it.
void leave_everything(const UniqueFd& but, const char* name);
// Waits for "ready". False: the program-to-be gave up.
bool hear_ready(const UniqueFd& command, UniqueFd& passed);

// The same of let_companion_fetch(); `program`: the process that says so. Nothing in `fetched`: it
// is out of reach, errno says why.
bool hear_ready(const UniqueFd& command, pid_t program, UniqueFd& fetched);

}  // namespace culvert::agent
