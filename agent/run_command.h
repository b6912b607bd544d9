// agent/run_command.h: `culvert run [--agent SOCKET] [--] CMD [ARG...]`.
//
// Becomes CMD by execve(): its exit status, signals, terminal and job control are native. Returns
// only if that did not happen: 0 after --help, 125 if Culvert itself failed, 126 if CMD cannot be
// executed, 127 if there is no CMD (as env(1)).
#pragma once
#include <span>

namespace culvert::agent {

int run_command(std::span<char* const> arguments);  // those behind "run"

}  // namespace culvert::agent
