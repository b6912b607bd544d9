#include "agent/publisher.h"

#include <set>

namespace culvert::agent {

Publisher::Publisher(Protocol protocol, PublishPolicy policy, std::vector<ListenEntry> entries)
    : policy_(std::move(policy)), entries_(std::move(entries)) {
  std::erase_if(entries_, [&](const ListenEntry& entry) { return entry.protocol != protocol; });
}

bool Publisher::admits(const ProgramListener& listener) const {
  // One that only IPv6 reaches cannot be called: there is no virtual IPv6 address to call from.
  return policy_.allows(listener.local.port) && !listener.v6_only &&
         inbound_target(listener.local, IpAddress::v4(0));
}

bool Publisher::add(const ProgramListener& listener) {
  if (!admits(listener)) return false;
  const auto before = ports();
  listeners_[listener.cookie] = listener;
  return ports() != before;
}

bool Publisher::remove(const ProgramListener& listener) {
  const auto before = ports();
  listeners_.erase(listener.cookie);
  return ports() != before;
}

std::vector<std::uint16_t> Publisher::ports() const {
  std::set<std::uint16_t> out;
  for (const auto& entry : entries_) out.insert(entry.port);
  for (const auto& [cookie, listener] : listeners_) out.insert(listener.local.port);
  while (out.size() > kMostPorts) out.erase(std::prev(out.end()));
  return {out.begin(), out.end()};
}

std::optional<InboundTarget> Publisher::target(std::uint16_t port) const {
  for (const auto& [cookie, listener] : listeners_)
    if (listener.local.port == port) return InboundTarget{listener.local, listener.stand_in};
  for (const auto& entry : entries_)
    if (entry.port == port) return InboundTarget{entry.to};
  return std::nullopt;
}

}  // namespace culvert::agent
