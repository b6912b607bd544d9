// agent/agent_client.h: asks an agent over its control socket, from `culvert run` and `culvert
// status`. Blocking, with deadlines: for commands, not for a loop.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "shim/wire.h"
#include "tunnel/base/address.h"
#include "tunnel/base/time.h"

namespace culvert::agent {

// Where an agent may be, most wanted first: `given` (the only one, if not empty), $CULVERT_AGENT
// (again the only one), $XDG_RUNTIME_DIR/culvert/agent.sock, /run/culvert/agent.sock.
std::vector<std::string> agent_sockets(const std::string& given);

struct AgentFacts {
  std::string socket;
  IpPrefix pool;
  bool low_ports_mapped = false;
  std::string domains;     // space separated
  std::string forwarding;  // CULVERT_FORWARD of shim/wire.h
  std::optional<SocketAddress> name_server;
};

Result<AgentFacts> ask_agent(const std::string& socket, Duration limit);
// The text of CULVERT_FORWARD; of culvert why, about `host` (shim/wire.h).
Result<std::string> ask_forwarding(const std::string& socket, Duration limit);
Result<std::string> ask_why(const std::string& socket, const std::string& host, Duration limit);
Result<std::string> ask_status(const std::string& socket, Duration limit);  // the JSON text

}  // namespace culvert::agent
