#include "agent/network_memory.h"

#include <algorithm>

namespace culvert::agent {
namespace {

constexpr char kBetween = '\t';

// "gateway hardware prefix" without the hardware, and the hardware.
std::pair<std::string, std::string> split(std::string_view network) {
  const auto first = network.find(' ');
  const auto second = first == std::string_view::npos ? first : network.find(' ', first + 1);
  if (second == std::string_view::npos) return {std::string(network), {}};
  return {std::string(network.substr(0, first)) + std::string(network.substr(second)),
          std::string(network.substr(first + 1, second - first - 1))};
}

}  // namespace

NetworkMemory NetworkMemory::from_text(std::string_view text) {
  NetworkMemory memory;
  while (!text.empty() && memory.known_.size() < kMost) {
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    const auto between = line.find(kBetween);
    if (between == std::string_view::npos || between == 0 || between + 1 == line.size()) continue;
    memory.known_.emplace_back(line.substr(0, between), line.substr(between + 1));
  }
  return memory;
}

std::string NetworkMemory::to_text() const {
  std::string text;
  for (const auto& [network, way] : known_)
    text.append(network).append(1, kBetween).append(way).append(1, '\n');
  return text;
}

std::optional<std::string> NetworkMemory::find(std::string_view network) const {
  const auto [place, hardware] = split(network);
  const std::string* similar = nullptr;
  std::size_t count = 0;
  for (const auto& [known, way] : known_) {
    if (known == network) return way;
    const auto [its_place, its_hardware] = split(known);
    if (its_place != place || (hardware != "-" && its_hardware != "-")) continue;
    similar = &way;
    ++count;
  }
  if (count != 1) return std::nullopt;
  return *similar;
}

bool NetworkMemory::remember(std::string_view network, std::string_view way) {
  const auto known = std::find_if(known_.begin(), known_.end(),
                                  [&](const auto& one) { return one.first == network; });
  if (known != known_.end() && known == known_.begin() && known->second == way) return false;
  if (known != known_.end()) known_.erase(known);
  known_.insert(known_.begin(), {std::string(network), std::string(way)});
  if (known_.size() > kMost) known_.resize(kMost);
  return true;
}

}  // namespace culvert::agent
