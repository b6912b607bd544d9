#include "agent/circuit_call.h"

namespace culvert::agent {

std::unique_ptr<loop::BytePipe> make_circuit(const OwnEndpoint& self, const std::string& name,
                                             std::unique_ptr<loop::BytePipe> pipe,
                                             std::shared_ptr<session::CircuitNews> news) {
  auto call = self.hello(control::Purpose::kCircuitCall);
  call.name = name;
  return std::make_unique<session::CircuitPipe>(std::move(pipe), self.identity.key,
                                                self.identity.service_key, std::move(call),
                                                self.random, std::move(news));
}

}  // namespace culvert::agent
