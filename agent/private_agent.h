// agent/private_agent.h: an agent started for one `culvert run`, that ends with it.
#pragma once
#include <string>

#include "tunnel/base/result.h"
#include "tunnel/base/time.h"

namespace culvert::agent {

// Starts `program --config CONFIGURATION --control-socket SOCKET --until-exit-of THIS PROCESS`
// with SOCKET in a fresh directory, and waits until it is ready (sd_notify, or the socket
// answers). The agent is no child of this process: the command that takes our place must not find
// a child that it never started. It removes socket and directory when it ends. Its log goes to
// $XDG_STATE_HOME/culvert/private-agent.log or ~/.local/state/culvert/private-agent.log; the end
// of that is in the error if it ends too early. Returns SOCKET. An empty CONFIGURATION leaves the
// choice to the agent (agent/config.h).
Result<std::string> start_private_agent(const std::string& program,
                                        const std::string& configuration, Duration limit);

}  // namespace culvert::agent
