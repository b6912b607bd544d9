// agent/options.h: the command line of culvert-agent.
#pragma once
#include <span>
#include <string>

#include "tunnel/base/result.h"

namespace culvert::agent {

struct AgentOptions {
  std::string config;          // empty: the default places
  std::string control_socket;  // empty: as configured
  int until_exit_of = 0;       // 0: until SIGTERM
  bool keep_for_restart = false;
  bool check = false, help = false, version = false;
};

// `help` is filled in either way.
Result<AgentOptions> parse_options(std::span<char* const> arguments, std::string& help);

}  // namespace culvert::agent
