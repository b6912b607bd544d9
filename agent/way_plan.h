// agent/way_plan.h: every way to the service that configuration and addresses allow, in order of
// preference. Policy as a value: does no I/O.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "agent/config.h"
#include "tunnel/carrier/way.h"

namespace culvert::agent {

inline constexpr std::size_t kMaxWays = 48;

// What was configured; both the uplink and the enrolment start from it.
struct WayOptions {
  HostPort service;
  std::string via = "auto";    // or the name of a recipe
  std::uint16_t tls_port = 0;  // of recipes with TLS; 0: the service's port
  std::vector<carrier::Proxy> proxies;
  // Where `service` has a number for a host: the name that barriers which go by names are told
  // (TLS has no place for numbers, RFC 6066 section 3). Is not looked up; empty: none.
  std::string also_named{};
  // For proxies that people have named, and whose URL names nobody; may change at any time.
  std::function<std::optional<carrier::ProxyCredentials>(const HostPort&)> find_login{};
};

// The name that the service gave itself when this machine joined, or else its domain; empty where
// `service` has a name.
std::string name_beside(const HostPort& service, const HostPort& when_joined,
                        const std::string& domain);

// As configured; `when_joined`, `domain`: see name_beside().
WayOptions way_options(const AgentConfig& config, const HostPort& when_joined,
                       const std::string& domain);

// Addresses of the service and of each proxy, in their order; empty: not known.
struct WayAddresses {
  std::vector<IpAddress> service;
  std::vector<std::vector<IpAddress>> proxies;
};

// Through the proxies first, in their order (whoever configures one needs it), then without; each
// by the recipes in their order, each recipe with its addresses in theirs; carriers made of
// requests behind all others. What is told `also_named` comes behind what is not: TLS without a
// proxy before requests, all else last. At most kMaxWays.
std::vector<carrier::Way> plan_ways(const WayOptions& options, const WayAddresses& addresses);

// One line that names a way over restarts: recipe, first hop, proxy; never credentials. Where
// another name than the service's host is told, it stands behind the recipe: "tls=example.net ...".
std::string way_key(const carrier::Way& way);
// The way of this key, although nobody has planned it: its proxy was found the last time, and need
// not be found again. nullopt: no way_key(), or against `options`, as any proxy is that is not
// at a place which they name (there it may be of another kind than it is called).
std::optional<carrier::Way> way_from_key(std::string_view key, const WayOptions& options);
// Puts the way of this key first; false if it is not among them.
bool put_first(std::vector<carrier::Way>& ways, std::string_view key);

}  // namespace culvert::agent
