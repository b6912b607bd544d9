#include "agent/way_plan.h"

#include <algorithm>

#include "agent/keyring.h"

namespace culvert::agent {
namespace {

HostPort service_for(const carrier::Recipe& recipe, const WayOptions& options,
                     const std::string& host) {
  if (recipe.fixed_port != 0) return {host, recipe.fixed_port};
  const bool own_port = recipe.has(carrier::LayerKind::kTls) && options.tls_port != 0;
  return {host, own_port ? options.tls_port : options.service.port};
}

// Of the recipes in which a name is told, those that pass where the others do not.
bool is_worth_a_name(const carrier::Recipe& recipe) {
  static constexpr std::string_view kNames[] = {"connect", "connect-tls", "socks",  "http-proxy",
                                                "http",    "http-tls",    "http-80"};
  return std::ranges::find(kNames, recipe.name) != std::end(kNames);
}

class Planner {
 public:
  Planner(const WayOptions& options, const WayAddresses& addresses)
      : options_(options), addresses_(addresses) {
    if (!addresses.service.empty()) service_address_ = addresses.service.front();
  }

  template <class Which>
  void through_proxies(const std::string& host, Which which) {
    for (std::size_t i = 0; i < options_.proxies.size() && i < addresses_.proxies.size(); ++i) {
      const auto proxy = with_login(options_.proxies[i]);
      for (const auto& recipe : carrier::all_recipes())
        if (wanted(recipe) && recipe.goes_through(proxy.kind) && which(recipe))
          add({&recipe, proxy, service_for(recipe, options_, host), {}, service_address_},
              addresses_.proxies[i], proxy.first_hop().port);
    }
  }
  template <class Which>
  void without(const std::string& host, Which which) {
    for (const auto& recipe : carrier::all_recipes()) {
      if (!wanted(recipe) || recipe.needs_proxy() || !which(recipe)) continue;
      const auto service = service_for(recipe, options_, host);
      add({&recipe, std::nullopt, service, {}, service_address_}, addresses_.service, service.port);
    }
  }
  std::vector<carrier::Way> ways;

 private:
  // `trusted` stands in the last proxy of a chain, for all.
  carrier::Proxy with_login(carrier::Proxy proxy) const {
    if (!proxy.trusted || proxy.passing || !options_.find_login) return proxy;
    for (auto& hop : proxy.before)
      if (!hop.credentials) hop.credentials = options_.find_login(hop.at);
    if (!proxy.credentials) proxy.credentials = options_.find_login(proxy.at);
    return proxy;
  }
  bool wanted(const carrier::Recipe& recipe) const {
    if (options_.via != "auto") return options_.via == recipe.name;
    return recipe.fixed_port != options_.service.port;  // or it would be the same as another one
  }
  void add(const carrier::Way& way, const std::vector<IpAddress>& addresses, std::uint16_t port) {
    for (const auto& address : addresses) {
      ways.push_back(way);
      ways.back().first_hop = {address, port};
      ways.back().also_named = way.service.host != options_.service.host;
    }
  }

  const WayOptions& options_;
  const WayAddresses& addresses_;
  std::optional<IpAddress> service_address_;
};

}  // namespace

std::string name_beside(const HostPort& service, const HostPort& when_joined,
                        const std::string& domain) {
  if (!IpAddress::parse(service.host)) return {};
  return IpAddress::parse(when_joined.host) ? domain : when_joined.host;
}

WayOptions way_options(const AgentConfig& config, const HostPort& when_joined,
                       const std::string& domain) {
  WayOptions options{
      config.service.value_or(when_joined), config.via, config.tls_port, config.proxies, {}};
  options.find_login = find_in_keyring;
  options.also_named = name_beside(options.service, when_joined, domain);
  return options;
}

std::vector<carrier::Way> plan_ways(const WayOptions& options, const WayAddresses& addresses) {
  using carrier::Recipe;
  const auto& host = options.service.host;
  const auto& name = options.also_named;
  Planner planner(options, addresses);
  const auto connections = [](const Recipe& recipe) { return recipe.lanes == nullptr; };
  const auto of_requests = [](const Recipe& recipe) { return recipe.lanes != nullptr; };
  const auto tls = [](const Recipe& recipe) {
    return recipe.lanes == nullptr && recipe.has(carrier::LayerKind::kTls);
  };
  planner.through_proxies(host, connections);
  planner.without(host, connections);
  if (!name.empty()) planner.without(name, tls);
  // Carriers made of requests pass where nothing else does, and are slower where others do.
  planner.through_proxies(host, of_requests);
  planner.without(host, of_requests);
  if (!name.empty()) {
    planner.through_proxies(name, is_worth_a_name);
    planner.without(name, is_worth_a_name);
  }
  auto ways = std::move(planner.ways);
  if (ways.size() > kMaxWays) ways.resize(kMaxWays);
  return ways;
}

std::string way_key(const carrier::Way& way) {
  std::string recipe(way.recipe->name);
  if (way.also_named) recipe += "=" + way.service.host;
  return recipe + " " + way.first_hop.to_string() + (way.proxy ? " " + way.proxy->to_string() : "");
}

std::optional<carrier::Way> way_from_key(std::string_view key, const WayOptions& options) {
  const auto first = key.find(' ');
  if (first == std::string_view::npos) return std::nullopt;
  const auto second = key.find(' ', first + 1);
  const auto hop = SocketAddress::parse(
      key.substr(first + 1, second == std::string_view::npos ? second : second - first - 1));
  const auto equals = std::min(key.find('='), first);
  const auto name = equals < first ? key.substr(equals + 1, first - equals - 1) : "";
  const auto* recipe = carrier::find_recipe(key.substr(0, equals));
  if (!hop || recipe == nullptr || (options.via != "auto" && options.via != recipe->name) ||
      second == std::string_view::npos || (equals < first && name != options.also_named))
    return std::nullopt;
  auto proxy = carrier::parse_proxy(key.substr(second + 1));
  if (!proxy || !recipe->goes_through(proxy->kind)) return std::nullopt;
  proxy->forget_credentials();
  proxy->source = "it worked in this network before";
  if (!options.proxies.empty()) {  // the same place alone, which was called another kind
    const auto named = std::ranges::find_if(options.proxies, [&](const carrier::Proxy& one) {
      return one.at == proxy->at && one.kind != proxy->kind && one.before.empty() &&
             proxy->before.empty();
    });
    if (named == options.proxies.end()) return std::nullopt;
    const auto kind = proxy->kind;
    *proxy = *named;
    proxy->kind = kind;
    // What was meant for TLS alone does not go in clear.
    if (named->kind == carrier::ProxyKind::kHttps) proxy->forget_credentials();
  }
  const auto& host = name.empty() ? options.service.host : options.also_named;
  carrier::Way way{recipe, *std::move(proxy), service_for(*recipe, options, host), *hop, {}};
  way.also_named = !name.empty();
  return way;
}

bool put_first(std::vector<carrier::Way>& ways, std::string_view key) {
  const auto known =
      std::ranges::find_if(ways, [&](const carrier::Way& way) { return way_key(way) == key; });
  if (known == ways.end()) return false;
  std::rotate(ways.begin(), known, known + 1);
  return true;
}

}  // namespace culvert::agent
