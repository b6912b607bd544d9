// agent/enclosure.h: takes this process into a network namespace of its own, in which whatever it
// executes next is carried: static programs, Go, musl, raw system calls, and all their children.
//
// Needs no privilege where the system lets ordinary users make namespaces (user_namespaces(7)). The
// process stays what it is: pid, user, terminal, files; it only loses its sight of the machine's
// network, and what it does with it is carried out by a porter (agent/porter.h), a process of its
// own that ends with the last process of the namespace.
#pragma once
#include <string>

#include "agent/agent_client.h"

namespace culvert::agent {

// Returns when everything is in place; from then on exec() is all that may follow. `agent` must
// have a name server. The errors say what the system does not allow, and what to do.
Result<void> enter_enclosure(const AgentFacts& agent);

// Set in the environment of programs in an enclosure: a `culvert run` inside has nothing to do.
inline constexpr const char* kEnclosedVariable = "CULVERT_ENCLOSED";

}  // namespace culvert::agent
