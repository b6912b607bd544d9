// agent/network_facts.h: which network this machine is in, as far as the kernel can tell (routing
// netlink, a few dumps; no privilege): by its gateway's two addresses and the prefix. Two networks
// with a gateway 192.168.1.1 are told apart by its hardware.
#pragma once
#include <array>
#include <optional>
#include <string>

#include "tunnel/base/address.h"
#include "tunnel/portmap/mapping.h"

namespace culvert::agent {

struct NetworkFacts {
  IpAddress own, gateway;  // IPv4
  IpPrefix prefix;         // of the link
  std::array<std::uint8_t, 6> own_hardware{};
  std::string gateway_hardware;  // "02:42:ac:11:00:02"; "-" while the kernel has not asked for it

  std::string key() const;  // "10.1.0.1 02:42:ac:11:00:02 10.1.0.0/24"
  bool operator==(const NetworkFacts&) const = default;
};

// Of the IPv4 default route that is used; nullopt if there is none.
std::optional<NetworkFacts> look_at_network();

// Of the IPv6 default route, and the address that we send from by it, if that is global.
std::optional<portmap::Network> look_at_gateway_six();

}  // namespace culvert::agent
