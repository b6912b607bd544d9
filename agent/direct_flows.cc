#include "agent/direct_flows.h"

namespace culvert::agent {

DirectFlows::~DirectFlows() {
  for (const auto& [key, circuit] : flows_) circuit->abort();
}

void DirectFlows::add(UniqueFd program, UniqueFd destination) {
  const auto leg = [this](UniqueFd fd) {
    return loop::Circuit::Leg{std::make_unique<loop::TcpSocket>(loop_, std::move(fd)), {}};
  };
  auto circuit =
      std::make_unique<loop::Circuit>(leg(std::move(program)), leg(std::move(destination)), &pipes_,
                                      static_cast<loop::Circuit::Listener&>(*this));
  auto* const key = circuit.get();
  flows_.emplace(key, std::move(circuit));
}

}  // namespace culvert::agent
