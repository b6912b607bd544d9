// tests/link/shape.h: what a link is like, and what happened on it.
#pragma once
#include <cstddef>
#include <cstdint>

#include "tests/link/bottleneck.h"
#include "tunnel/base/time.h"

namespace culvert::link {

// What reads and writes go through, shared by all connections of a link.
struct Shape {
  Duration delay{};        // one way
  Bottleneck up, down;     // up: from who connected
  std::size_t window = 0;  // octets of one direction of one connection that may be on their way
  std::uint64_t drop_after = 0;  // reset a connection after so many octets; 0: never
  bool crowded = false;          // all connections together hold as much as they may
};

struct Stats {
  std::uint64_t ever = 0, resets = 0;  // connections; those that a command or a limit has reset
  std::uint64_t up = 0, down = 0;      // octets delivered
};

}  // namespace culvert::link
