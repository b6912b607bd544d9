#include "tunnel/carrier/recipes.h"

#include <algorithm>

namespace culvert::carrier {
namespace {

constexpr LayerKind kTlsOnly[] = {LayerKind::kTls};

// Cheapest first. One port for all: the service's front door tells them apart by their first bytes.
constexpr Recipe kRecipes[] = {
    {"direct", "plain TCP", {}, 443},
    {"tls", "TLS over TCP", kTlsOnly, 443},
};

}  // namespace

std::span<const Recipe> all_recipes() { return kRecipes; }

const Recipe* find_recipe(std::string_view name) {
  const auto* found = std::ranges::find(kRecipes, name, &Recipe::name);
  return found == std::end(kRecipes) ? nullptr : found;
}

}  // namespace culvert::carrier
