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
    if (between == std::string_view::npos || between == 0) continue;
    const auto behind = line.substr(between + 1);
    const auto way = behind.substr(0, behind.find(kBetween));
    if (way.empty()) continue;
    const auto exchange = behind.substr(std::min(way.size() + 1, behind.size()));
    memory.known_.push_back({std::string(line.substr(0, between)), std::string(way),
                             std::string(exchange.substr(0, exchange.find(kBetween)))});
  }
  return memory;
}

std::string NetworkMemory::to_text() const {
  std::string text;
  for (const auto& [network, way, exchange] : known_) {
    text.append(network).append(1, kBetween).append(way);
    if (!exchange.empty()) text.append(1, kBetween).append(exchange);
    text.append(1, '\n');
  }
  return text;
}

const NetworkMemory::Known* NetworkMemory::look(std::string_view network) const {
  const auto [place, hardware] = split(network);
  const Known* similar = nullptr;
  std::size_t count = 0;
  for (const auto& known : known_) {
    if (known.network == network) return &known;
    const auto [its_place, its_hardware] = split(known.network);
    if (its_place != place || (hardware != "-" && its_hardware != "-")) continue;
    similar = &known;
    ++count;
  }
  return count == 1 ? similar : nullptr;
}

std::optional<std::string> NetworkMemory::find(std::string_view network) const {
  const auto* known = look(network);
  return known != nullptr ? std::optional(known->way) : std::nullopt;
}

std::vector<IpAddress> NetworkMemory::addresses() const {
  std::vector<IpAddress> found;
  for (const auto& known : known_) {
    const auto first = known.way.find(' ');  // "recipe hop", or "recipe hop proxy"
    if (first == std::string::npos || known.way.find(' ', first + 1) != std::string::npos) continue;
    const auto hop = SocketAddress::parse(std::string_view(known.way).substr(first + 1));
    if (!hop || std::ranges::find(found, hop->ip) != found.end()) continue;
    found.push_back(hop->ip);
    if (found.size() == kMostAddresses) break;
  }
  return found;
}

std::string NetworkMemory::exchange(std::string_view network, std::string_view way) const {
  const auto* known = look(network);
  return known != nullptr && known->way == way ? known->exchange : std::string{};
}

bool NetworkMemory::remember(std::string_view network, std::string_view way,
                             std::string_view exchange) {
  const auto known = std::find_if(known_.begin(), known_.end(),
                                  [&](const Known& one) { return one.network == network; });
  if (known != known_.end() && known == known_.begin() && known->way == way &&
      known->exchange == exchange)
    return false;
  if (known != known_.end()) known_.erase(known);
  known_.insert(known_.begin(), {std::string(network), std::string(way), std::string(exchange)});
  if (known_.size() > kMost) known_.resize(kMost);
  return true;
}

}  // namespace culvert::agent
