#include "agent/local_network.h"

#include <ifaddrs.h>
#include <net/if.h>

#include <algorithm>
#include <bit>
#include <fstream>
#include <memory>
#include <sstream>

#include "resolver/virtual_name.h"

namespace culvert::agent {
namespace {

unsigned length_of(const IpAddress& mask) {
  unsigned length = 0;
  for (const auto octet : mask.octets()) {
    length += static_cast<unsigned>(std::popcount(octet));
    if (octet != 0xff) break;
  }
  return length;
}

void add_subnet(const ifaddrs& entry, std::vector<IpPrefix>& out) {
  if (entry.ifa_addr == nullptr || entry.ifa_netmask == nullptr ||
      (entry.ifa_flags & IFF_LOOPBACK) != 0 || (entry.ifa_flags & IFF_UP) == 0)
    return;
  const int family = entry.ifa_addr->sa_family;
  if (family != AF_INET && family != AF_INET6) return;
  entry.ifa_netmask->sa_family = entry.ifa_addr->sa_family;  // some drivers leave it out
  const auto address = SocketAddress::from(entry.ifa_addr).ip;
  if (address.is_v4() != (family == AF_INET)) return;
  const IpPrefix subnet{address, length_of(SocketAddress::from(entry.ifa_netmask).ip)};
  if (subnet.length == 0 || (!address.is_v4() && address.is_link_local())) return;
  if (std::find(out.begin(), out.end(), subnet) == out.end()) out.push_back(subnet);
}

}  // namespace

std::vector<std::string> search_domains(std::string_view resolv_conf) {
  std::vector<std::string> out;
  std::istringstream lines{std::string(resolv_conf)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string word;
    words >> word;
    if (word != "search" && word != "domain") continue;
    while (words >> word)
      if (auto name = resolver::canonical_name(word)) out.push_back(std::move(*name));
  }
  return out;
}

LocalNetwork discover_local_network() {
  LocalNetwork out;
  ifaddrs* found = nullptr;
  if (::getifaddrs(&found) == 0) {
    const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner(found, &::freeifaddrs);
    for (const auto* entry = found; entry != nullptr; entry = entry->ifa_next)
      add_subnet(*entry, out.subnets);
  }
  std::ifstream file("/etc/resolv.conf");
  std::ostringstream text;
  text << file.rdbuf();
  out.domains = search_domains(text.str());
  return out;
}

}  // namespace culvert::agent
