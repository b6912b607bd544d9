#include "agent/publisher.h"

#include <algorithm>

namespace culvert::agent {

Publisher::Publisher(Protocol protocol, PublishPolicy policy,
                     const std::vector<ListenEntry>& entries)
    : policy_(std::move(policy)) {
  for (const auto& entry : entries) {
    if (entry.protocol != protocol) continue;
    if (auto& to = by_port_[entry.port].entry; !to) to = entry.to;
  }
}

bool Publisher::admits(const ProgramListener& listener) const {
  // One that only IPv6 reaches cannot be called: there is no virtual IPv6 address to call from.
  return policy_.allows(listener.local.port) && !listener.v6_only &&
         inbound_target(listener.local, IpAddress::v4(0));
}

bool Publisher::add(const ProgramListener& listener) {
  if (!admits(listener)) return false;
  const auto [at, fresh] = by_port_.try_emplace(listener.local.port);
  at->second.listeners[listener.cookie] = listener;
  return fresh;
}

bool Publisher::remove(const ProgramListener& listener) {
  const auto at = by_port_.find(listener.local.port);
  if (at == by_port_.end()) return false;
  at->second.listeners.erase(listener.cookie);
  if (at->second.entry || !at->second.listeners.empty()) return false;
  by_port_.erase(at);
  return true;
}

std::vector<std::uint16_t> Publisher::ports() const {
  std::vector<std::uint16_t> out;
  out.reserve(std::min(by_port_.size(), kMostPorts));
  for (const auto& [port, leads] : by_port_) {
    if (out.size() == kMostPorts) break;
    out.push_back(port);
  }
  return out;
}

std::optional<InboundTarget> Publisher::target(std::uint16_t port) const {
  const auto at = by_port_.find(port);
  if (at == by_port_.end()) return std::nullopt;
  const auto& [entry, listeners] = at->second;
  if (listeners.empty()) return InboundTarget{*entry};
  const auto& listener = listeners.begin()->second;
  return InboundTarget{listener.local, listener.stand_in};
}

}  // namespace culvert::agent
