#include "tunnel/carrier/recipes.h"

#include <algorithm>

namespace culvert::carrier {
namespace {

constexpr LayerKind kTlsOnly[] = {LayerKind::kTls};
constexpr LayerKind kConnect[] = {LayerKind::kHttpConnect};
constexpr LayerKind kConnectTls[] = {LayerKind::kHttpConnect, LayerKind::kTls};

constexpr ProxyKind kHttpProxies[] = {ProxyKind::kHttp};

// Cheapest first. One port for all: the service's front door tells them apart by their first bytes.
constexpr Recipe kRecipes[] = {
    {"direct", "plain TCP", {}, 443, {}},
    {"tls", "TLS over TCP", kTlsOnly, 443, {}},
    {"connect", "CONNECT through an HTTP proxy", kConnect, 443, kHttpProxies},
    {"connect-tls", "TLS by CONNECT through an HTTP proxy", kConnectTls, 443, kHttpProxies},
};

}  // namespace

bool Recipe::goes_through(ProxyKind kind) const {
  return std::ranges::find(proxies, kind) != proxies.end();
}

bool Recipe::has(LayerKind kind) const { return std::ranges::find(layers, kind) != layers.end(); }

std::span<const Recipe> all_recipes() { return kRecipes; }

const Recipe* find_recipe(std::string_view name) {
  const auto* found = std::ranges::find(kRecipes, name, &Recipe::name);
  return found == std::end(kRecipes) ? nullptr : found;
}

}  // namespace culvert::carrier
