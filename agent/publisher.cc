#include "agent/publisher.h"

#include <unistd.h>

#include <algorithm>

namespace culvert::agent {
namespace {

// Takes no connection from an IPv4 address.
bool is_v6_alone(const ProgramListener& listener) {
  return listener.v6_only || !inbound_target(listener.local, IpAddress::v4(0));
}

}  // namespace

Publisher::Publisher(Protocol protocol, PublishPolicy policy,
                     const std::vector<ListenEntry>& entries)
    : own_uid_(::geteuid()), policy_(std::move(policy)) {
  for (const auto& entry : entries) {
    if (entry.protocol != protocol) continue;
    if (auto& to = by_port_[entry.port].entry; !to) to = entry.to;
  }
}

// Programs in namespaces bind low ports without any privilege, and the far end trusts in these; and
// what the administrator has entered is not for every user of the machine to take.
bool Publisher::may_have(const ProgramListener& listener) const {
  constexpr std::uint16_t kFirstOrdinaryPort = 1024;
  if (listener.asker.uid == 0 || listener.asker.uid == own_uid_) return true;
  const auto port = by_port_.find(listener.local.port);
  if (port != by_port_.end() && port->second.entry) return false;
  return !listener.stand_in || listener.local.port >= kFirstOrdinaryPort;
}

// Where people are asked, they are not about ports that the kernel has chosen: each would be
// another one, which no answer could be remembered for.
bool Publisher::admits(const ProgramListener& listener) const {
  if (listener.kernel_chose && policy_.policy != PublishPolicy::Policy::kAlways) return false;
  return policy_.allows(listener.local.port) && may_have(listener) &&
         (!is_v6_alone(listener) || listener.asks_accepted);
}

bool Publisher::add(const ProgramListener& listener) {
  if (!admits(listener)) return false;
  auto& port = by_port_[listener.local.port];
  const bool before = port.announced();
  (listener.kernel_chose ? port.unannounced : port.listeners)[listener.cookie] = listener;
  return before != port.announced();
}

bool Publisher::remove(const ProgramListener& listener) {
  const auto at = by_port_.find(listener.local.port);
  if (at == by_port_.end()) return false;
  auto& port = at->second;
  const bool before = port.announced();
  port.listeners.erase(listener.cookie);
  port.unannounced.erase(listener.cookie);
  const bool after = port.announced();
  if (!after && port.unannounced.empty()) by_port_.erase(at);
  return before != after;
}

std::vector<std::uint16_t> Publisher::ports() const {
  std::vector<std::uint16_t> out;
  out.reserve(std::min(by_port_.size(), kMostPorts));
  for (const auto& [port, leads] : by_port_) {
    if (out.size() == kMostPorts) break;
    if (leads.announced()) out.push_back(port);
  }
  return out;
}

std::optional<InboundTarget> Publisher::target(std::uint16_t port) const {
  const auto at = by_port_.find(port);
  if (at == by_port_.end()) return std::nullopt;
  const auto& [entry, listeners, unannounced] = at->second;
  if (listeners.empty() && entry) return InboundTarget{*entry};
  if (listeners.empty()) {
    const auto& [cookie, only] = *unannounced.begin();
    return InboundTarget{only.local, only.stand_in, cookie};
  }
  const auto called = std::find_if(listeners.begin(), listeners.end(),
                                   [](const auto& one) { return !is_v6_alone(one.second); });
  if (called == listeners.end())
    return InboundTarget{listeners.begin()->second.local, {}, 0, /*passed=*/true};
  return InboundTarget{called->second.local, called->second.stand_in};
}

}  // namespace culvert::agent
