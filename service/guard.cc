#include "service/guard.h"

#include <algorithm>
#include <cassert>

namespace culvert::service {
namespace {

struct Reserved {
  const char* prefix;
  const char* what;
};

// IANA special-purpose registries (RFC 6890 and its updates), and what clouds use.
constexpr Reserved kReserved[] = {
    {"169.254.169.254", "a cloud's metadata service"},
    {"fd00:ec2::254", "a cloud's metadata service"},
    {"0.0.0.0/8", "\"this network\""},
    {"10.0.0.0/8", "a private network"},
    {"100.64.0.0/10", "a carrier's private network"},
    {"127.0.0.0/8", "loopback"},
    {"169.254.0.0/16", "link-local"},
    {"172.16.0.0/12", "a private network"},
    {"192.0.0.0/24", "reserved for protocols"},
    {"192.0.2.0/24", "reserved for documentation"},
    {"192.88.99.0/24", "a 6to4 relay"},
    {"192.168.0.0/16", "a private network"},
    {"198.18.0.0/15", "reserved for benchmarks"},
    {"198.51.100.0/24", "reserved for documentation"},
    {"203.0.113.0/24", "reserved for documentation"},
    {"224.0.0.0/4", "multicast"},
    {"255.255.255.255", "broadcast"},
    {"240.0.0.0/4", "reserved"},
    {"::", "the unspecified address"},
    {"::1", "loopback"},
    {"64:ff9b:1::/48", "a local translator"},
    {"2001:2::/48", "reserved for benchmarks"},
    {"2001:10::/28", "no route's address (ORCHID)"},
    {"2001:20::/28", "no route's address (ORCHID)"},
    {"2001:db8::/32", "reserved for documentation"},
    {"3fff::/20", "reserved for documentation"},
    {"fc00::/7", "a private network"},
    {"fe80::/10", "link-local"},
    {"fec0::/10", "a private network"},
    {"ff00::/8", "multicast"},
};

struct ParsedReserved {
  IpPrefix prefix;
  const char* what;
};

IpPrefix known_prefix(const char* text) {
  const auto prefix = IpPrefix::parse(text);
  assert(prefix);
  return *prefix;
}

const std::vector<ParsedReserved>& reserved() {
  static const auto parsed = [] {
    std::vector<ParsedReserved> all;
    for (const auto& [prefix, what] : kReserved) all.push_back({known_prefix(prefix), what});
    return all;
  }();
  return parsed;
}

bool contains(const std::vector<IpPrefix>& prefixes, const IpAddress& address) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [&](const IpPrefix& prefix) { return prefix.contains(address); });
}

// A prefix in mapped form ("::ffff:10.0.0.0/104") means its IPv4 prefix.
std::vector<IpPrefix> canonical(std::vector<IpPrefix> prefixes) {
  static const auto mapped = known_prefix("::ffff:0:0/96");
  for (auto& prefix : prefixes)
    if (prefix.length >= 96 && mapped.contains(prefix.address))
      prefix = {prefix.address.canonical(), prefix.length - 96};
  return prefixes;
}

tl::unexpected<Error> refuse(const IpAddress& address, const std::string& why) {
  return fail(ErrorCode::kNotPermitted,
              "the service does not connect to " + address.to_string() + ": " + why);
}

}  // namespace

Guard::Guard(std::vector<IpPrefix> allow, std::vector<IpPrefix> deny)
    : allow_(canonical(std::move(allow))), deny_(canonical(std::move(deny))) {}

void Guard::set_own(std::set<IpAddress> addresses, std::set<std::uint16_t> front_door_ports) {
  own_ = std::move(addresses);
  front_door_ports_ = std::move(front_door_ports);
}

bool Guard::is_own(const IpAddress& address) const {
  return address.is_loopback() || address.is_unspecified() || own_.count(address) != 0;
}

Result<SocketAddress> Guard::check(const SocketAddress& wanted, NamedBy named_by) const {
  static const auto nat64 = known_prefix("64:ff9b::/96");
  const SocketAddress meant{wanted.ip.canonical(), wanted.port};
  CULVERT_RETURN_IF_ERROR(check_meaning(meant, named_by));
  if (meant.ip == wanted.ip) return meant;
  if (contains(deny_, wanted.ip)) return refuse(wanted.ip, "forwarding.deny forbids it");
  // On a network without IPv4 the translator is the only way there.
  return nat64.contains(wanted.ip) ? wanted : meant;
}

Result<void> Guard::check_meaning(const SocketAddress& meant, NamedBy named_by) const {
  static const auto global_unicast = known_prefix("2000::/3");
  const auto& ip = meant.ip;
  if (meant.port == 0) return refuse(ip, "0 is not a port");
  if (contains(deny_, ip)) return refuse(ip, "forwarding.deny forbids it");
  if (is_own(ip) && front_door_ports_.count(meant.port) != 0)
    return refuse(ip, "port " + std::to_string(meant.port) + " there is the service itself");
  if (contains(allow_, ip) || named_by == NamedBy::kAdministrator) return {};
  static const std::string remedy =
      " (the service's administrator can open it with forwarding.allow)";
  for (const auto& [prefix, what] : reserved())
    if (prefix.contains(ip)) return refuse(ip, "it is " + std::string(what) + remedy);
  if (is_own(ip)) return refuse(ip, "it is an address of the service's own machine" + remedy);
  if (!ip.is_v4() && !global_unicast.contains(ip))
    return refuse(ip, "it is not a global unicast address" + remedy);
  return {};
}

Result<void> Guard::check_local_end(const SocketAddress& connected) const {
  const auto ip = connected.ip.canonical();
  if (contains(allow_, ip)) return {};
  return refuse(ip, "the connection ends on the service's own machine");
}

}  // namespace culvert::service
