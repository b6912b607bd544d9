// tests/unit/agent/monitors.h: the nine ways in which programs wait for a connect to finish.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace culvert::agent::testing {

class Monitor {
 public:
  virtual ~Monitor() = default;
  virtual void before_connect(int /*fd*/) {}
  virtual void after_connect(int /*fd*/) {}
  // The poll mask (POLLIN ... of interest: in, out, read-hangup), or nothing within the time.
  virtual std::optional<int> wait(int milliseconds) = 0;
};

std::vector<std::string> monitor_names();
std::unique_ptr<Monitor> make_monitor(const std::string& name);  // null: not on this kernel

}  // namespace culvert::agent::testing
