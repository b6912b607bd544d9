// agent/commands.h: the verbs of `culvert` besides run (run_command.h). Each takes the arguments
// behind its verb and returns the exit status: 0, 1 when it failed, 2 when it was called wrongly,
// where nothing else is said.
#pragma once
#include <span>

namespace culvert::agent {

int enroll_command(std::span<char* const> arguments);
int status_command(std::span<char* const> arguments);
// 0: the service is reached, 1: it is not, 2: called wrongly, or there is no identity.
int netcheck_command(std::span<char* const> arguments);
int enable_command(std::span<char* const> arguments);
int disable_command(std::span<char* const> arguments);
int proxy_login_command(std::span<char* const> arguments);
// 0: carried, 1: not carried, 2: called wrongly, or no agent.
int why_command(std::span<char* const> arguments);

}  // namespace culvert::agent
