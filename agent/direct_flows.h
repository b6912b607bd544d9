// agent/direct_flows.h: programs whose connections the agent has made directly, joined to them.
// They end with the agent: no other process could go on with them.
#pragma once
#include <memory>
#include <unordered_map>

#include "tunnel/loop/circuit.h"

namespace culvert::agent {

class DirectFlows final : private loop::Circuit::Listener {
 public:
  explicit DirectFlows(loop::Loop& loop) : loop_(loop) {}
  ~DirectFlows();
  void add(UniqueFd program, UniqueFd destination);
  std::size_t size() const { return flows_.size(); }

 private:
  void on_circuit_ended(loop::Circuit& ended) override { flows_.erase(&ended); }

  loop::Loop& loop_;
  loop::SplicePipePool pipes_;
  std::unordered_map<loop::Circuit*, std::unique_ptr<loop::Circuit>> flows_;
};

}  // namespace culvert::agent
