#include "tunnel/punch/allocation.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <optional>
#include <set>

namespace culvert::punch {
namespace {

using control::Allocation;
using Kind = Allocation::Kind;

// Of others' connections a few fall in between, so a difference is the step or a multiple of it.
constexpr int kWidestJump = 8;  // steps

std::optional<std::int16_t> step_of(const std::vector<std::uint16_t>& ports) {
  int step = 0;
  for (std::size_t i = 1; i < ports.size(); ++i) {
    const int jump = ports[i] - ports[i - 1];
    if (step == 0 || std::abs(jump) < std::abs(step)) step = jump;
  }
  if (step == 0 || std::abs(step) > kWidestStep) return std::nullopt;
  std::size_t fitting = 0;
  for (std::size_t i = 1; i < ports.size(); ++i) {
    const int jump = ports[i] - ports[i - 1];
    fitting += jump % step == 0 && jump / step >= 1 && jump / step <= kWidestJump ? 1 : 0;
  }
  // One may have wrapped round, or jumped over what others hold.
  if (fitting + 1 + ports.size() / 8 < ports.size() - 1) return std::nullopt;
  return static_cast<std::int16_t>(step);
}

// Two sockets had one port, towards different servers.
bool is_shared(const std::vector<Observation>& seen) {
  std::map<std::uint16_t, const Observation*> first;
  for (const auto& one : seen) {
    const auto [known, fresh] = first.emplace(one.port, &one);
    if (!fresh && known->second->socket != one.socket && known->second->server != one.server)
      return true;
  }
  return false;
}

}  // namespace

Allocation allocation_of(const std::vector<Observation>& seen) {
  Allocation out;
  if (seen.empty()) return out;
  out.newest = seen.back().port;
  // Without repetitions: where the mapping depends on the server's address alone, two ports of one
  // server share one.
  std::vector<std::uint16_t> ports;
  std::set<std::pair<std::size_t, std::uint16_t>> known;
  std::set<std::size_t> sockets;
  for (const auto& one : seen) {
    sockets.insert(one.socket);
    if (known.insert({one.socket, one.port}).second) ports.push_back(one.port);
  }
  if (ports.size() == sockets.size()) {
    if (seen.size() > sockets.size()) out.kind = Kind::kSame;
    return out;
  }
  if (ports.size() < kLeastMappings) return out;
  if (const auto step = step_of(ports)) {
    out.kind = Kind::kSequential;
    out.step = *step;
    return out;
  }
  const auto [least, most] = std::ranges::minmax(ports);
  // Of n ports out of a range, the outermost are about one nth of it away from its ends.
  const unsigned margin = (most - least) / static_cast<unsigned>(ports.size() - 1) + 1;
  const unsigned first = least > margin ? least - margin : 1;
  const unsigned last = std::min(most + margin, 65'535u);
  out.kind = last - first < kWidestRange ? Kind::kRange : Kind::kRandom;
  out.shared = is_shared(seen);
  if (out.kind != Kind::kRange) return out;
  out.first = static_cast<std::uint16_t>(first);
  out.last = static_cast<std::uint16_t>(last);
  return out;
}

std::string describe(const Allocation& allocation) {
  switch (allocation.kind) {
    case Kind::kUnknown: return "not known how ports are given";
    case Kind::kSame: return "one port for all destinations";
    case Kind::kSequential:
      return "another port for each destination, in a sequence (step " +
             std::to_string(allocation.step) + ")";
    case Kind::kRange:
      return "another port for each destination, out of about " +
             std::to_string(allocation.last - allocation.first + 1);
    case Kind::kRandom: return "another port for each destination, any";
  }
  return {};
}

}  // namespace culvert::punch
