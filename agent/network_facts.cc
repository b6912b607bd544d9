#include "agent/network_facts.h"

#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <span>
#include <vector>

#include "agent/netlink_message.h"
#include "tunnel/base/unique_fd.h"
#include "tunnel/loop/local_address.h"

namespace culvert::agent {
namespace {

struct Attributes {
  explicit Attributes(Bytes from) {
    while (from.size() >= sizeof(rtattr)) {
      rtattr header;
      std::memcpy(&header, from.data(), sizeof header);
      if (header.rta_len < sizeof header || header.rta_len > from.size()) return;
      all.emplace_back(header.rta_type,
                       from.subspan(RTA_LENGTH(0), header.rta_len - RTA_LENGTH(0)));
      from = from.subspan(std::min<std::size_t>(RTA_ALIGN(header.rta_len), from.size()));
    }
  }
  Bytes get(int type) const {
    for (const auto& [has, value] : all)
      if (has == type) return value;
    return {};
  }
  std::optional<std::uint32_t> number(int type) const {  // host order
    const auto value = get(type);
    if (value.size() != 4) return std::nullopt;
    std::uint32_t out = 0;
    std::memcpy(&out, value.data(), sizeof out);
    return out;
  }
  std::optional<IpAddress> address(int type) const { return IpAddress::from_wire(get(type)); }
  std::vector<std::pair<int, Bytes>> all;
};

// Calls take(payload after T, T) for each message of the dump. Bounded by the kernel's own end.
template <class T, class Take>
void dump(int type, Take take, int family = AF_INET) {
  const UniqueFd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  struct {
    nlmsghdr header;
    T body;
  } request{};
  request.header.nlmsg_len = sizeof request;
  request.header.nlmsg_type = static_cast<std::uint16_t>(type);
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  std::memset(&request.body, 0, sizeof request.body);
  // It comes first in each.
  *reinterpret_cast<unsigned char*>(&request.body) = static_cast<unsigned char>(family);
  if (::send(fd.get(), &request, sizeof request, 0) < 0) return;
  std::vector<std::byte> buffer(32 * 1024);
  while (true) {
    const auto size = ::recv(fd.get(), buffer.data(), buffer.size(), 0);
    if (size <= 0) return;
    auto left = Bytes{buffer}.first(static_cast<std::size_t>(size));
    while (const auto message = take_netlink_message(left)) {
      if (message->header.nlmsg_type == NLMSG_DONE || message->header.nlmsg_type == NLMSG_ERROR)
        return;
      if (const auto body = message->load<T>())
        take(*body, Attributes(message->payload.subspan(NLMSG_ALIGN(sizeof(T)))));
    }
  }
}

std::array<std::uint8_t, 6> hardware_of(unsigned interface) {
  std::array<std::uint8_t, 6> out{};
  ifreq request{};
  const UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (::if_indextoname(interface, &request.ifr_name[0]) == nullptr ||
      ::ioctl(fd.get(), SIOCGIFHWADDR, &request) != 0)
    return out;
  std::memcpy(out.data(), &request.ifr_hwaddr.sa_data[0], out.size());
  return out;
}

std::string to_text(Bytes hardware) {
  std::string out;
  for (const auto octet : hardware) {
    char two[4];
    std::snprintf(two, sizeof two, "%s%02x", out.empty() ? "" : ":",
                  std::to_integer<unsigned>(octet));
    out += two;
  }
  return out;
}

// Asks the routing table; nothing is sent.
std::optional<IpAddress> own_six() {
  const SocketAddress anybody{*IpAddress::parse("2000::1"), 9};
  const UniqueFd fd(::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_storage to{};
  const auto size = anybody.fill(to);
  if (!fd || ::connect(fd.get(), reinterpret_cast<sockaddr*>(&to), size) != 0) return std::nullopt;
  const auto own = loop::local_address(fd.get()).ip;
  if (own.is_v4() || !own.is_global()) return std::nullopt;
  return own;
}

}  // namespace

std::string NetworkFacts::key() const {
  return gateway.to_string() + " " + gateway_hardware + " " + prefix.to_string();
}

std::optional<NetworkFacts> look_at_network() {
  NetworkFacts facts;
  unsigned interface = 0;
  std::uint32_t best = ~0u;
  dump<rtmsg>(RTM_GETROUTE, [&](const rtmsg& route, const Attributes& attributes) {
    const auto gateway = attributes.address(RTA_GATEWAY);
    const auto metric = attributes.number(RTA_PRIORITY).value_or(0);
    if (route.rtm_dst_len != 0 || route.rtm_type != RTN_UNICAST ||
        route.rtm_table != RT_TABLE_MAIN || !gateway || (interface != 0 && metric >= best))
      return;
    best = metric;
    facts.gateway = *gateway;
    interface = attributes.number(RTA_OIF).value_or(0);
  });
  if (interface == 0) return std::nullopt;
  bool found = false;
  dump<ifaddrmsg>(RTM_GETADDR, [&](const ifaddrmsg& address, const Attributes& attributes) {
    const auto own = attributes.address(IFA_LOCAL);
    if (address.ifa_index != interface || !own) return;
    const unsigned bits = std::min<unsigned>(address.ifa_prefixlen, 32);
    const auto mask = bits == 0 ? 0 : ~std::uint32_t{0} << (32 - bits);
    const IpPrefix prefix{IpAddress::v4(own->v4_value() & mask), bits};
    if (found && !prefix.contains(facts.gateway)) return;
    found = true;
    facts.own = *own;
    facts.prefix = prefix;
  });
  if (!found) return std::nullopt;
  facts.gateway_hardware = "-";
  dump<ndmsg>(RTM_GETNEIGH, [&](const ndmsg& neighbour, const Attributes& attributes) {
    const auto hardware = attributes.get(NDA_LLADDR);
    if (static_cast<unsigned>(neighbour.ndm_ifindex) == interface && !hardware.empty() &&
        attributes.address(NDA_DST) == facts.gateway)
      facts.gateway_hardware = to_text(hardware);
  });
  facts.own_hardware = hardware_of(interface);
  return facts;
}

std::optional<portmap::Network> look_at_gateway_six() {
  std::optional<portmap::Network> found;
  const auto own = own_six();
  if (!own) return std::nullopt;
  std::uint32_t best = ~0u;
  const auto take = [&](const rtmsg& route, const Attributes& attributes) {
    const auto gateway = attributes.address(RTA_GATEWAY);
    const auto metric = attributes.number(RTA_PRIORITY).value_or(0);
    if (route.rtm_dst_len != 0 || route.rtm_type != RTN_UNICAST ||
        route.rtm_table != RT_TABLE_MAIN || !gateway || (found && metric >= best))
      return;
    best = metric;
    found = {*gateway, *own, attributes.number(RTA_OIF).value_or(0)};
  };
  dump<rtmsg>(RTM_GETROUTE, take, AF_INET6);
  return found;
}

}  // namespace culvert::agent
