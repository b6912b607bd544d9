// tunnel/punch/allocation.h: how a barrier gives ports to new mappings, out of what discovery
// servers saw of a few sockets. Sans-IO. A guess: what it leads to is tried beside plain probes,
// never instead of them.
#pragma once
#include <string>
#include <vector>

#include "tunnel/control/path_offer.h"

namespace culvert::punch {

// Of one request, in the order in which they were sent.
struct Observation {
  std::size_t socket = 0;
  std::uint16_t port = 0;  // as the server saw it
  std::size_t server = 0;
};

inline constexpr std::size_t kLeastMappings = 6;  // different ones, to say more than kSame
inline constexpr int kWidestStep = 16;
inline constexpr unsigned kWidestRange = 32'768;  // wider ones are taken for all ports
inline constexpr unsigned kSmallRange = 4096;     // a port below 1024 may lead to a smaller one

// `shared` needs some fifty of a small range to be seen.
control::Allocation allocation_of(const std::vector<Observation>& seen);

// For people: "one port for all destinations", "ports in a sequence (step 1)" ...
std::string describe(const control::Allocation& allocation);

}  // namespace culvert::punch
