// agent/failure_memory.h: why connects failed, where the kernel could not be made to say it, so
// that the shim can put the true errno in its place. Bounded: the oldest is forgotten first.
// Reads no clock.
#pragma once
#include <cstdint>
#include <list>
#include <optional>
#include <unordered_map>

#include "tunnel/base/time.h"

namespace culvert::agent {

class FailureMemory {
 public:
  static constexpr std::chrono::seconds kKeepFor{120};
  static constexpr std::size_t kMost = 16'384;

  struct Failure {
    std::uint64_t cookie = 0;
    int error = 0;  // errno value
    TimePoint at{};
  };

  void remember(std::uint64_t cookie, int error, TimePoint now);
  std::optional<int> ask(std::uint64_t cookie, TimePoint now);
  void forget(std::uint64_t cookie);
  std::size_t size() const { return by_cookie_.size(); }

 private:
  void drop_old(TimePoint now);
  std::list<Failure> failures_;  // oldest first
  std::unordered_map<std::uint64_t, std::list<Failure>::iterator> by_cookie_;
};

}  // namespace culvert::agent
