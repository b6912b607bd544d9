// agent/circuit_call.h: calls another endpoint through the service's relay.
#pragma once
#include <memory>

#include "agent/own_endpoint.h"
#include "tunnel/session/circuit_pipe.h"

namespace culvert::agent {

// `pipe` leads to the service. What comes back leads to `name`.
std::unique_ptr<loop::BytePipe> make_circuit(const OwnEndpoint& self, const std::string& name,
                                             std::unique_ptr<loop::BytePipe> pipe,
                                             std::shared_ptr<session::CircuitNews> news);

}  // namespace culvert::agent
