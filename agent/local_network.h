// agent/local_network.h: what this machine's own network configuration says is near: the subnets of
// its interfaces, and the domains in which its resolver searches.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "tunnel/base/address.h"

namespace culvert::agent {

struct LocalNetwork {
  std::vector<IpPrefix> subnets;     // loopback and link-local ones are left out
  std::vector<std::string> domains;  // canonical
};

// As it is now; reads getifaddrs(3) and /etc/resolv.conf. What cannot be read is missing in it.
LocalNetwork discover_local_network();

// The domains of `search` and `domain` lines, resolv.conf(5).
std::vector<std::string> search_domains(std::string_view resolv_conf);

}  // namespace culvert::agent
