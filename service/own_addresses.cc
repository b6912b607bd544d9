#include "service/own_addresses.h"

#include <ifaddrs.h>

namespace culvert::service {

std::set<IpAddress> own_addresses() {
  std::set<IpAddress> all;
  ifaddrs* first = nullptr;
  if (::getifaddrs(&first) != 0) return all;
  for (const auto* one = first; one != nullptr; one = one->ifa_next) {
    if (one->ifa_addr == nullptr) continue;
    const auto family = one->ifa_addr->sa_family;
    if (family == AF_INET || family == AF_INET6)
      all.insert(SocketAddress::from(one->ifa_addr).ip.canonical());
  }
  ::freeifaddrs(first);
  return all;
}

}  // namespace culvert::service
