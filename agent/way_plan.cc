#include "agent/way_plan.h"

#include <algorithm>

namespace culvert::agent {
namespace {

HostPort service_for(const carrier::Recipe& recipe, const WayOptions& options) {
  if (recipe.fixed_port != 0) return {options.service.host, recipe.fixed_port};
  const bool own_port = recipe.has(carrier::LayerKind::kTls) && options.tls_port != 0;
  return {options.service.host, own_port ? options.tls_port : options.service.port};
}

void add_ways(const carrier::Way& way, const std::vector<IpAddress>& addresses, std::uint16_t port,
              std::vector<carrier::Way>& ways) {
  for (const auto& address : addresses) {
    ways.push_back(way);
    ways.back().first_hop = {address, port};
  }
}

}  // namespace

std::vector<carrier::Way> plan_ways(const WayOptions& options, const WayAddresses& addresses) {
  std::vector<carrier::Way> ways;
  std::optional<IpAddress> service_address;
  if (!addresses.service.empty()) service_address = addresses.service.front();
  const auto wanted = [&](const carrier::Recipe& recipe) {
    if (options.via != "auto") return options.via == recipe.name;
    return recipe.fixed_port != options.service.port;  // or it would be the same as another one
  };
  // Carriers made of requests pass where nothing else does, and are slower where others do.
  for (const bool of_requests : {false, true}) {
    for (std::size_t i = 0; i < options.proxies.size() && i < addresses.proxies.size(); ++i) {
      const auto& proxy = options.proxies[i];
      for (const auto& recipe : carrier::all_recipes())
        if (wanted(recipe) && (recipe.lanes != nullptr) == of_requests &&
            recipe.goes_through(proxy.kind))
          add_ways({&recipe, proxy, service_for(recipe, options), {}, service_address},
                   addresses.proxies[i], proxy.first_hop().port, ways);
    }
    for (const auto& recipe : carrier::all_recipes()) {
      if (!wanted(recipe) || (recipe.lanes != nullptr) != of_requests || recipe.needs_proxy())
        continue;
      const auto service = service_for(recipe, options);
      add_ways({&recipe, std::nullopt, service, {}, service_address}, addresses.service,
               service.port, ways);
    }
  }
  if (ways.size() > kMaxWays) ways.resize(kMaxWays);
  return ways;
}

std::string way_key(const carrier::Way& way) {
  return std::string(way.recipe->name) + " " + way.first_hop.to_string() +
         (way.proxy ? " " + way.proxy->to_string() : "");
}

std::optional<carrier::Way> way_from_key(std::string_view key, const WayOptions& options) {
  const auto first = key.find(' ');
  if (first == std::string_view::npos || !options.proxies.empty()) return std::nullopt;
  const auto second = key.find(' ', first + 1);
  const auto hop = SocketAddress::parse(
      key.substr(first + 1, second == std::string_view::npos ? second : second - first - 1));
  const auto* recipe = carrier::find_recipe(key.substr(0, first));
  if (!hop || recipe == nullptr || (options.via != "auto" && options.via != recipe->name) ||
      second == std::string_view::npos)
    return std::nullopt;
  auto proxy = carrier::parse_proxy(key.substr(second + 1));
  if (!proxy || !recipe->goes_through(proxy->kind)) return std::nullopt;
  proxy->source = "it worked in this network before";
  proxy->forget_credentials();
  return carrier::Way{recipe, *std::move(proxy), service_for(*recipe, options), *hop, {}};
}

bool put_first(std::vector<carrier::Way>& ways, std::string_view key) {
  const auto known =
      std::ranges::find_if(ways, [&](const carrier::Way& way) { return way_key(way) == key; });
  if (known == ways.end()) return false;
  std::rotate(ways.begin(), known, known + 1);
  return true;
}

}  // namespace culvert::agent
