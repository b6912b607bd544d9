// agent/agent_client.h: asks an agent over its control socket, from `culvert run` and `culvert
// status`. Blocking, with deadlines: for commands, not for a loop.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "shim/wire.h"
#include "tunnel/base/address.h"
#include "tunnel/base/time.h"
#include "tunnel/base/unique_fd.h"

namespace culvert::agent {

// Where an agent may be, most wanted first: `given` (the only one, if not empty), $CULVERT_AGENT
// (again the only one), $XDG_RUNTIME_DIR/culvert/agent.sock, /run/culvert/agent.sock.
std::vector<std::string> agent_sockets(const std::string& given);

struct AgentFacts {
  std::string socket;
  IpPrefix pool;
  bool low_ports_mapped = false;
  bool publishes = false, publishes_all = false;  // the latter: without asking anybody
  std::string domains;                            // space separated
  std::string forwarding;                         // CULVERT_FORWARD of shim/wire.h
  std::optional<SocketAddress> name_server;
  std::optional<IpAddress> own_address;  // this machine's virtual one

  // Whether the agent wants to be asked about an ordinary address; it says which are not its own.
  bool may_forward(const IpAddress& to) const {
    return !forwarding.empty() && !(to.is_v4() && to.is_loopback());
  }
};

Result<AgentFacts> ask_agent(const std::string& socket, Duration limit);
// The text of CULVERT_FORWARD; of culvert why, about `host` (shim/wire.h).
Result<std::string> ask_forwarding(const std::string& socket, Duration limit);
Result<std::string> ask_why(const std::string& socket, const std::string& host, Duration limit);
Result<std::string> ask_status(const std::string& socket, Duration limit);  // the JSON text

// One conversation as a shim has it: open, ask, perhaps tell, close.
culvert_question_packet make_question(culvert_question kind, std::uint64_t cookie = 0,
                                      const SocketAddress& address = {});
Result<UniqueFd> open_agent(const std::string& socket);
// A socket of the program's that is passed along (`shown`) shows who may speak for it.
Result<culvert_answer_packet> ask_agent_on(const UniqueFd& link,
                                           const culvert_question_packet& question, Duration limit,
                                           int shown = -1);
void tell_agent_on(const UniqueFd& link, const culvert_question_packet& question);
IpAddress address_of(const culvert_answer_packet& answer);  // IPv4

}  // namespace culvert::agent
